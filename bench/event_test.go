package main

import (
	"testing"

	"github.com/google/uuid"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
)

// parse parses a request as a server does.
func parse(t *testing.T, request []byte) (*record.AppendRequest, []dcb.Event) {
	t.Helper()
	limits := dcb.Limits{}.WithDefaults()
	parsed, err := record.ParseAppend(request, &limits)
	if err != nil {
		t.Fatal(err)
	}
	var events []dcb.Event
	for encoded := range parsed.All() {
		event, err := record.DecodeEvent(encoded)
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, event)
	}
	return parsed, events
}

func TestEventsDifferInTagsAndUUID(t *testing.T) {
	maker := newEventMaker(150, 1)
	request := maker.appendEvent(nil, 7, 12345)
	request = maker.appendEvent(request, 19999, 99999999999999)
	_, events := parse(t, request)
	if len(events) != 2 || events[0].UUID == events[1].UUID {
		t.Fatalf("%d events: %+v", len(events), events)
	}
	want := [][]string{
		{"customer:00000000007", "order:00000000012345"},
		{"customer:00000019999", "order:99999999999999"},
	}
	for i, event := range events {
		if event.Type != eventType || len(event.Data) != 150 {
			t.Errorf("event %d has type %q and %d bytes of data", i, event.Type, len(event.Data))
		}
		if len(event.Tags) != 2 || event.Tags[0] != want[i][0] || event.Tags[1] != want[i][1] {
			t.Errorf("event %d has the tags %q", i, event.Tags)
		}
		id, err := uuid.Parse(event.UUID)
		if err != nil || id.Version() != 4 || id.Variant() != uuid.RFC4122 {
			t.Errorf("event %d has the UUID %q", i, event.UUID)
		}
	}
}

func TestEqualSeedsMakeEqualEvents(t *testing.T) {
	a, b := newEventMaker(10, 3), newEventMaker(10, 3)
	for i := range uint64(5) {
		if string(a.appendEvent(nil, i, i)) != string(b.appendEvent(nil, i, i)) {
			t.Fatalf("event %d differs", i)
		}
	}
}
