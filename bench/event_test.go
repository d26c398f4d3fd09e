package main

import (
	"bytes"
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
	template := newTemplate(record.EncodeAppend([]dcb.Event{{
		Type: eventType, Tags: []string{customerTag, orderTag}, Data: payload(150, 1), UUID: eventUUID,
	}}, nil, nil))
	request := template.appendEvent(nil, &event{customer: 7, order: 12345, high: 1, low: 2})
	request = template.appendEvent(request, &event{customer: 19999, order: 99999999999999, high: 1, low: 3, rare: true})
	_, events := parse(t, request)
	if len(events) != 2 || events[0].UUID == events[1].UUID {
		t.Fatalf("%d events: %+v", len(events), events)
	}
	want := [][]string{
		{"customer:00000000007", "order:00000000012345"},
		{"customer:00000019999", "order:99999999999999"},
	}
	for i, event := range events {
		if event.Type != [...]string{eventType, rareType}[i] || len(event.Data) != 150 {
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

func TestEqualSeedsMakeEqualData(t *testing.T) {
	if !bytes.Equal(payload(10, 3), payload(10, 3)) || bytes.Equal(payload(10, 3), payload(10, 4)) {
		t.Error("the data does not depend on the seed only")
	}
}

func TestUUIDIsOfVersion4(t *testing.T) {
	e := event{high: 1<<64 - 1, low: 1<<64 - 1}
	id := uuid.UUID(e.uuid())
	if id.Version() != 4 || id.Variant() != uuid.RFC4122 || id[0] != 0xff || id[15] != 0xff {
		t.Error(id)
	}
}
