package record_test

import (
	"bytes"
	"reflect"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// someResponse returns a response with two events, one of them with tracking.
func someResponse() *umadbv1.ReadResponse {
	return &umadbv1.ReadResponse{
		Events: []*umadbv1.SequencedEvent{
			{Position: 1, Event: &umadbv1.Event{}},
			{Position: 300, Event: fullEvent(), TrackingInfo: &umadbv1.TrackingInfo{Source: "s", Position: 7}},
		},
		Head: proto.Uint64(301),
	}
}

func records(t *testing.T, message *umadbv1.ReadResponse) []byte {
	var payload []byte
	for _, event := range message.Events {
		var tracking []byte
		if event.TrackingInfo != nil {
			tracking = record.AppendTracking([]byte{}, toTracking(event.TrackingInfo))
		}
		payload = record.AppendEventRecord(payload, event.Position, marshal(t, event.Event), tracking)
	}
	return payload
}

func TestEventRecordsAreResponse(t *testing.T) {
	message := someResponse()
	got := record.AppendHead(records(t, message), message.GetHead())
	if want := marshal(t, message); !bytes.Equal(got, want) {
		t.Errorf("the response is\n%x, want\n%x", got, want)
	}
	message.Head = nil
	if got := record.AppendHead(records(t, message), 0); !bytes.Equal(got, marshal(t, message)) {
		t.Errorf("without a head the response is\n%x", got)
	}
}

// The encoding is part of the file format and must not change.
func TestEncodingOfRecordIsFixed(t *testing.T) {
	tracking := record.AppendTracking(nil, &dcb.TrackingInfo{Source: "s", Position: 300})
	got := record.AppendEventRecord(nil, 5, record.Event(field(1, "T")), tracking)
	want := "\x0a\x0f" + "\x08\x05" + "\x12\x03\x0a\x01T" + "\x1a\x06\x0a\x01s\x10\xac\x02"
	if string(got) != want {
		t.Errorf("a record is %q, want %q", got, want)
	}
	if got := record.AppendTrackingRecord(nil, tracking); string(got) != "\x7a\x06\x0a\x01s\x10\xac\x02" {
		t.Errorf("a tracking record is %q", got)
	}
}

func TestRecordsIteratesOverAllRecords(t *testing.T) {
	message := someResponse()
	payload := records(t, message)
	tracked := len(payload)
	payload = record.AppendTrackingRecord(payload, record.AppendTracking(nil, &dcb.TrackingInfo{Source: "s", Position: 8}))
	end, count := 0, 0
	for record, err := range record.Records(payload) {
		if err != nil {
			t.Fatal(err)
		}
		if record.Offset != end {
			t.Errorf("record %d starts at %d, want %d", count, record.Offset, end)
		}
		end += record.Size
		if count < 2 {
			want := message.Events[count]
			if record.Position != want.Position || !bytes.Equal(record.Event, marshal(t, want.Event)) || !reflect.DeepEqual(record.Tracking, toTracking(want.TrackingInfo)) {
				t.Errorf("record %d is %+v, want %v", count, record, want)
			}
		} else if record.Offset != tracked || record.Position != 0 || *record.Tracking != (dcb.TrackingInfo{Source: "s", Position: 8}) {
			t.Errorf("the tracking record is %+v", record)
		}
		count++
	}
	if count != 3 || end != len(payload) {
		t.Errorf("%d records in %d of %d bytes", count, end, len(payload))
	}
	for range record.Records(payload) {
		break
	}
	for _, bad := range []string{"\x0a", field(9, "x"), "\x08\x01", field(1, "\x0a"), field(15, "\x0a")} {
		var last error
		for _, err := range record.Records([]byte(bad)) {
			last = err
		}
		if last == nil {
			t.Errorf("no error for %q", bad)
		}
	}
}

func TestResponseIsDecodedLikeGeneratedCode(t *testing.T) {
	message := someResponse()
	response := marshal(t, message)
	events, head, err := record.DecodeResponse(response)
	if err != nil || head != 301 {
		t.Fatalf("head %d, %v", head, err)
	}
	clear(response) // the events must not alias it
	if want := toSequenced(message.Events); !reflect.DeepEqual(events, want) {
		t.Errorf("decoded %v, want %v", events, want)
	}
	if events, head, err := record.DecodeResponse(nil); events != nil || head != 0 || err != nil {
		t.Errorf("an empty response is decoded as %v, %d, %v", events, head, err)
	}
	for _, bad := range []string{"\x0a", field(1, "\x0a"), field(1, field(2, "\x0a")), field(1, field(2, field(5, "\x0a"))), field(1, field(3, "\x0a"))} {
		if _, _, err := record.DecodeResponse([]byte(bad)); err == nil {
			t.Errorf("no error for %q", bad)
		}
	}
}
