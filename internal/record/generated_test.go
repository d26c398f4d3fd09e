package record_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// Generated code decodes the same bytes independently. The functions below convert
// its values to those of package dcb.

// limits are the default limits.
var limits = func() *dcb.Limits { l := dcb.Limits{}.WithDefaults(); return &l }()

// marshal encodes a message with generated code. The result is canonical.
func marshal(t testing.TB, message proto.Message) []byte {
	t.Helper()
	encoded, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

func toEvent(e *umadbv1.Event) dcb.Event {
	event := dcb.Event{Type: e.GetEventType(), Tags: e.GetTags(), Data: e.GetData(), UUID: e.GetUuid()}
	for _, entry := range e.GetMetadata() {
		event.Metadata = append(event.Metadata, dcb.Metadata{Key: entry.GetKey(), Value: entry.GetValue()})
	}
	return event
}

func toQuery(q *umadbv1.Query) dcb.Query {
	var query dcb.Query
	for _, item := range q.GetItems() {
		query.Items = append(query.Items, dcb.QueryItem{Types: item.GetTypes(), Tags: item.GetTags()})
	}
	return query
}

func toCondition(c *umadbv1.AppendCondition) *dcb.AppendCondition {
	if c == nil {
		return nil
	}
	return &dcb.AppendCondition{FailIfEventsMatch: toQuery(c.GetFailIfEventsMatch()), After: c.GetAfter()}
}

func toTracking(info *umadbv1.TrackingInfo) *dcb.TrackingInfo {
	if info == nil {
		return nil
	}
	return &dcb.TrackingInfo{Source: info.GetSource(), Position: info.GetPosition()}
}

func toRead(r *umadbv1.ReadRequest) *record.ReadRequest {
	return &record.ReadRequest{
		Query:   toQuery(r.GetQuery()),
		Options: dcb.ReadOptions{Start: r.Start, Backwards: r.GetBackwards(), Limit: r.Limit},
		//lint:ignore SA1019 there are clients that use it
		Subscribe: r.GetSubscribe(),
		BatchSize: r.GetBatchSize(),
	}
}

// subscribing sets the deprecated field subscribe of a read.
func subscribing(r *umadbv1.ReadRequest) *umadbv1.ReadRequest {
	//lint:ignore SA1019 there are clients that use it
	r.Subscribe = proto.Bool(true)
	return r
}

func toSequenced(events []*umadbv1.SequencedEvent) []dcb.SequencedEvent {
	var sequenced []dcb.SequencedEvent
	for _, e := range events {
		sequenced = append(sequenced, dcb.SequencedEvent{
			Position: e.GetPosition(),
			Event:    toEvent(e.GetEvent()),
			Tracking: toTracking(e.GetTrackingInfo()),
		})
	}
	return sequenced
}

const someUUID = "0d9f8c6e-4b5a-4c3d-9e2f-1a0b7c6d5e4f"

// fullEvent returns an event with every field, and an empty tag.
func fullEvent() *umadbv1.Event {
	return &umadbv1.Event{
		EventType: "StudentJoined",
		Tags:      []string{"student:1", "course:2", "", "course:2"},
		Data:      []byte{0, 0xff, 'x'},
		Uuid:      someUUID,
		Metadata:  []*umadbv1.MetadataEntry{{Key: "z", Value: "1"}, {Key: "a"}, {Value: "only a value"}},
	}
}
