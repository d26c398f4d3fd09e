package record_test

import (
	"bytes"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/umadb-go/umadb/internal/record"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// timedResponse returns a response with two events and some times.
func timedResponse(times ...int64) *umadbv1.ReadResponse {
	response := someResponse()
	response.RecordedAt = times
	return response
}

func TestRecordedTimesAreEncodedLikeGeneratedCode(t *testing.T) {
	for _, times := range [][]int64{nil, {0, 0}, {1, 1<<63 - 1}, {-1 << 63, 7}} {
		message := timedResponse(times...)
		message.Head = nil
		got := record.AppendRecordedAt(records(t, message), times)
		if want := marshal(t, message); !bytes.Equal(got, want) {
			t.Errorf("with the times %v, the response is\n%x, want\n%x", times, got, want)
		}
		if added, bound := len(got)-len(records(t, message)), record.MaxTimesBytes+record.TimeBytes*len(times); added > bound {
			t.Errorf("%d times took %d bytes, more than %d", len(times), added, bound)
		}
	}
}

func TestRecordedTimesAreDecoded(t *testing.T) {
	unpacked := marshal(t, someResponse())
	for _, value := range []uint64{5, 6} {
		unpacked = protowire.AppendFixed64(protowire.AppendTag(unpacked, 100, protowire.Fixed64Type), value)
	}
	before := record.AppendRecordedAt(nil, []int64{5, 6}) // a sender may write the fields in any order
	for name, row := range map[string]struct {
		response []byte
		want     [2]time.Time
	}{
		"none":              {marshal(t, someResponse()), [2]time.Time{}},
		"all":               {marshal(t, timedResponse(5, 6)), [2]time.Time{time.Unix(0, 5).UTC(), time.Unix(0, 6).UTC()}},
		"the first only":    {marshal(t, timedResponse(-5)), [2]time.Time{time.Unix(0, -5).UTC()}},
		"more than events":  {marshal(t, timedResponse(5, 6, 7)), [2]time.Time{time.Unix(0, 5).UTC(), time.Unix(0, 6).UTC()}},
		"not packed":        {unpacked, [2]time.Time{time.Unix(0, 5).UTC(), time.Unix(0, 6).UTC()}},
		"before the events": {append(before, marshal(t, someResponse())...), [2]time.Time{time.Unix(0, 5).UTC(), time.Unix(0, 6).UTC()}},
	} {
		events, _, err := record.DecodeResponse(row.response)
		if err != nil || len(events) != 2 {
			t.Errorf("%s: %d events, %v", name, len(events), err)
			continue
		}
		if got := [2]time.Time{events[0].RecordedAt, events[1].RecordedAt}; got != row.want {
			t.Errorf("%s: recorded at %v, want %v", name, got, row.want)
		}
	}
	torn := protowire.AppendBytes(protowire.AppendTag(nil, 100, protowire.BytesType), make([]byte, 15))
	if _, _, err := record.DecodeResponse(torn); err == nil {
		t.Error("no error for a part of a time")
	}
}

func TestClippedResponseKeepsTimesOfItsEvents(t *testing.T) {
	for name, row := range map[string]struct {
		head  uint64
		times []int64
		want  []int64
	}{
		"all events":       {300, []int64{5, 6}, []int64{5, 6}},
		"the first event":  {1, []int64{5, 6}, []int64{5}},
		"no event":         {0, []int64{5, 6}, nil},
		"no times":         {300, nil, nil},
		"too few times":    {300, []int64{5}, nil},
		"enough for those": {1, []int64{5}, []int64{5}},
	} {
		clipped, _, err := record.ClipResponse(marshal(t, timedResponse(row.times...)), row.head)
		if err != nil {
			t.Fatal(err)
		}
		want := timedResponse(row.want...)
		want.Head = nil
		for len(want.Events) > 0 && want.Events[len(want.Events)-1].Position > row.head {
			want.Events = want.Events[:len(want.Events)-1]
		}
		if whole := record.AppendHead(record.AppendRecordedAt(records(t, want), row.want), row.head); !bytes.Equal(clipped, whole) {
			t.Errorf("%s: %x, want %x", name, clipped, whole)
		}
	}
	// The events of a read backwards that are after the head come first.
	backwards := timedResponse(6, 5)
	backwards.Events[0], backwards.Events[1] = backwards.Events[1], backwards.Events[0]
	clipped, _, err := record.ClipResponse(marshal(t, backwards), 1)
	events, _, _ := record.DecodeResponse(clipped)
	if err != nil || len(events) != 1 || events[0].Position != 1 || events[0].RecordedAt.UnixNano() != 5 {
		t.Errorf("backwards: %v, %v", events, err)
	}
}
