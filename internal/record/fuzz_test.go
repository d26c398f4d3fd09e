package record_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// FuzzParseAppend checks that a valid request has the values that generated code
// decodes and the bytes that generated code writes, and can be parsed again.
func FuzzParseAppend(f *testing.F) {
	f.Add(marshal(f, fullAppend()))
	f.Add([]byte(field(1, field(3, "d")+field(1, "T")) + field(2, field(1, "")) + field(3, "") + field(2, "\x10\x07")))
	f.Fuzz(func(t *testing.T, request []byte) {
		parsed, err := record.ParseAppend(request, limits)
		if err != nil {
			if !errors.Is(err, dcb.ErrInvalidArgument) {
				t.Fatalf("not an invalid argument: %v", err)
			}
			return
		}
		message := new(umadbv1.AppendRequest)
		if err := proto.Unmarshal(request, message); err != nil {
			t.Fatalf("generated code cannot decode it: %v", err)
		}
		if want := toCondition(message.Condition); !sameCondition(parsed.Condition, want) {
			t.Errorf("the condition is %v, want %v", parsed.Condition, want)
		}
		if want := toTracking(message.TrackingInfo); !reflect.DeepEqual(parsed.Tracking, want) {
			t.Errorf("the tracking is %v, want %v", parsed.Tracking, want)
		}
		normalised := new(umadbv1.AppendRequest)
		for _, event := range message.Events {
			normalised.Events = append(normalised.Events, canonical(t, event))
		}
		if want := marshal(t, normalised); !bytes.Equal(parsed.Events, want) || parsed.Count != len(message.Events) {
			t.Fatalf("%d events are\n%x, want %d\n%x", parsed.Count, parsed.Events, len(message.Events), want)
		}
		again, err := record.ParseAppend(parsed.Events, limits)
		if err != nil || again.Count != parsed.Count || !bytes.Equal(again.Events, parsed.Events) {
			t.Fatalf("cannot parse it again: %v", err)
		}
		if len(parsed.Events) > 0 && &again.Events[0] != &parsed.Events[0] {
			t.Error("canonical events were copied")
		}
	})
}

// canonical returns an event without unknown fields and with a canonical UUID.
func canonical(t *testing.T, event *umadbv1.Event) *umadbv1.Event {
	clean := &umadbv1.Event{EventType: event.EventType, Tags: event.Tags, Data: event.Data, Uuid: event.Uuid}
	for _, entry := range event.Metadata {
		clean.Metadata = append(clean.Metadata, &umadbv1.MetadataEntry{Key: entry.Key, Value: entry.Value})
	}
	if clean.Uuid != "" {
		id, err := uuid.Parse(clean.Uuid)
		if err != nil {
			t.Fatalf("the invalid UUID %q was accepted: %v", clean.Uuid, err)
		}
		clean.Uuid = id.String()
	}
	return clean
}

// sameCondition compares conditions; an empty list of items equals nil.
func sameCondition(a, b *dcb.AppendCondition) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.After == b.After && sameQuery(a.FailIfEventsMatch, b.FailIfEventsMatch)
}

func sameQuery(a, b dcb.Query) bool {
	return len(a.Items) == 0 && len(b.Items) == 0 || reflect.DeepEqual(a, b)
}

// FuzzParseRead checks that a valid request has the values that generated code
// decodes, and is the same after it is encoded and parsed again.
func FuzzParseRead(f *testing.F) {
	f.Add(marshal(f, &umadbv1.ReadRequest{Query: someQuery, Start: proto.Uint64(3), Limit: proto.Uint32(4)}))
	f.Fuzz(func(t *testing.T, request []byte) {
		parsed, err := record.ParseRead(request, limits)
		if err != nil {
			if !errors.Is(err, dcb.ErrInvalidArgument) {
				t.Fatalf("not an invalid argument: %v", err)
			}
			return
		}
		message := new(umadbv1.ReadRequest)
		if err := proto.Unmarshal(request, message); err != nil {
			t.Fatalf("generated code cannot decode it: %v", err)
		}
		want := toRead(message)
		want.BatchSize = parsed.BatchSize // clamped
		if sameQuery(parsed.Query, want.Query) {
			want.Query = parsed.Query
		}
		if !reflect.DeepEqual(parsed, want) {
			t.Errorf("it is parsed as %+v, want %v", parsed, message)
		}
		again, err := record.ParseRead(record.EncodeRead(parsed), limits)
		if err != nil || !reflect.DeepEqual(again, parsed) {
			t.Errorf("parsed again it is %+v, %v", again, err)
		}
	})
}

// FuzzParseSubscribe checks for subscriptions what FuzzParseRead checks for reads.
func FuzzParseSubscribe(f *testing.F) {
	f.Add(marshal(f, &umadbv1.SubscribeRequest{Query: someQuery, After: proto.Uint64(3)}))
	f.Fuzz(func(t *testing.T, request []byte) {
		parsed, err := record.ParseSubscribe(request, limits)
		if err != nil {
			if !errors.Is(err, dcb.ErrInvalidArgument) {
				t.Fatalf("not an invalid argument: %v", err)
			}
			return
		}
		message := new(umadbv1.SubscribeRequest)
		if err := proto.Unmarshal(request, message); err != nil {
			t.Fatalf("generated code cannot decode it: %v", err)
		}
		if !sameQuery(parsed.Query, toQuery(message.Query)) || parsed.After != message.GetAfter() {
			t.Errorf("it is parsed as %+v, want %v", parsed, message)
		}
		again, err := record.ParseSubscribe(record.EncodeSubscribe(parsed), limits)
		if err != nil || !reflect.DeepEqual(again, parsed) {
			t.Errorf("parsed again it is %+v, %v", again, err)
		}
	})
}

// FuzzDecodeResponse checks that decoding any bytes returns, and that a response
// has the values that generated code decodes.
func FuzzDecodeResponse(f *testing.F) {
	f.Add(marshal(f, someResponse()))
	f.Add(marshal(f, timedResponse(1, -1)))
	f.Fuzz(func(t *testing.T, response []byte) {
		_, _, _ = record.DecodeResponse(response)
		_, _, _ = record.ClipResponse(response, 1)
		for _, err := range record.Records(response) {
			if err != nil {
				break
			}
		}
		message := new(umadbv1.ReadResponse)
		if proto.Unmarshal(response, message) != nil {
			return
		}
		// As a server writes it: without repeated singular fields.
		events, head, err := record.DecodeResponse(marshal(t, message))
		if err != nil || head != message.GetHead() || len(events) != len(message.Events) {
			t.Fatalf("%d events, head %d, %v; want %v", len(events), head, err, message)
		}
		for i, want := range toSequenced(message.Events) {
			if got := events[i]; got.Position != want.Position || !reflect.DeepEqual(got.Tracking, want.Tracking) || !sameEvent(got.Event, want.Event) {
				t.Errorf("event %d is %v, want %v", i, got, want)
			}
			if i < len(message.RecordedAt) && events[i].RecordedAt != time.Unix(0, message.RecordedAt[i]).UTC() || i >= len(message.RecordedAt) && !events[i].RecordedAt.IsZero() {
				t.Errorf("event %d was recorded at %v, want %v", i, events[i].RecordedAt, message.RecordedAt)
			}
		}
	})
}

// sameEvent compares events; an empty slice equals nil.
func sameEvent(a, b dcb.Event) bool {
	return bytes.Equal(record.AppendEvent(nil, &a), record.AppendEvent(nil, &b))
}
