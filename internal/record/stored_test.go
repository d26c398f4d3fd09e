package record_test

import (
	"bytes"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
)

// stored encodes an event record with a position and other fields, which may be invalid.
func stored(position uint64, rest ...string) string {
	content := protowire.AppendVarint([]byte{8}, position)
	return field(1, string(content)+strings.Join(rest, ""))
}

func verified(payload string, first uint64, count int) (records []record.Record, err error) {
	for record, err := range record.StoredRecords([]byte(payload), first, count) {
		if err != nil {
			return records, err
		}
		records = append(records, record)
	}
	return records, nil
}

func TestStoredRecordsAcceptsWhatStoresWrite(t *testing.T) {
	event := record.AppendEvent(nil, &dcb.Event{Type: "T", Tags: []string{"a", "b"}, Data: []byte("d")})
	tracking := record.AppendTracking(nil, &dcb.TrackingInfo{Source: "s", Position: 1<<64 - 1})
	payload := record.AppendEventRecord(nil, 7, event, nil)
	payload = record.AppendTrackingRecord(payload, tracking)
	payload = record.AppendEventRecord(payload, 8, nil, []byte{})
	payload = record.AppendEventRecord(payload, 9, event, tracking)
	payload = record.AppendTrackingRecord(payload, nil)
	records, err := verified(string(payload), 7, 3)
	if err != nil || len(records) != 5 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	if r := records[3]; r.Position != 9 || !bytes.Equal(r.Event, event) || r.Tracking.Source != "s" || r.Offset+r.Size+2 != len(payload) {
		t.Errorf("the last event is %+v", r)
	}
	for range record.StoredRecords(payload, 7, 3) {
		break
	}
}

func TestStoredRecordsRejectsOtherBytes(t *testing.T) {
	event := field(2, field(1, "T"))
	valid := stored(1, event)
	cases := map[string]struct {
		payload string
		count   int
		want    string // substring of the error
	}{
		"fewer events":                  {valid, 2, "1 events instead of 2"},
		"more events":                   {valid + stored(2, event), 1, "more events"},
		"no events":                     {"", 1, "0 events instead of 1"},
		"another position":              {stored(2, event), 1, "position 2 instead of 1"},
		"a position again":              {valid + valid, 2, "position 1 instead of 2"},
		"position 0":                    {stored(0, event), 1, "position 0 instead of 1"},
		"no position":                   {field(1, event), 1, "position 0 instead of 1"},
		"no event":                      {stored(1), 1, "canonically"},
		"an event before its position":  {field(1, event+"\x08\x01"), 1, "canonically"},
		"two events in a record":        {stored(1, event, event), 1, "canonically"},
		"an unknown field":              {stored(1, event, field(4, "x")), 1, "canonically"},
		"a longer length":               {"\x0a\x87\x00" + valid[2:], 1, "canonically"},
		"an unknown record":             {valid + field(2, "x"), 1, "not a record"},
		"another wire type":             {valid + "\x08\x01", 1, "not a record"},
		"a truncated event":             {stored(1, field(2, "\x12")), 1, "not a protobuf message"},
		"a field beyond the event":      {stored(1, field(2, "\x0a\x64T")), 1, "not a protobuf message"},
		"a length above 2^63":           {stored(1, field(2, "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01T")), 1, "not a protobuf message"},
		"a length of more than 64 bits": {stored(1, field(2, "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7fT")), 1, "not a protobuf message"},
		"an unknown field of the event": {stored(1, field(2, field(6, "x"))), 1, "canonically"},
		"a type that is not UTF-8":      {stored(1, field(2, field(1, "\xff"))), 1, "UTF-8"},
		"an invalid UUID":               {stored(1, field(2, field(4, "x"))), 1, "UUID"},
		"a metadata key twice":          {stored(1, field(2, field(5, field(1, "k"))+field(5, field(1, "k")))), 1, "metadata"},
		"a large source":                {stored(1, event, field(3, field(1, strings.Repeat("s", 5<<20)))), 1, "255"},
		"a source that is not UTF-8":    {valid + field(15, field(1, "\xff")), 1, "UTF-8"},
		"an unknown field of tracking":  {valid + field(15, field(3, "x")), 1, "canonically"},
		"a record that is too large":    {stored(1, field(2, field(3, strings.Repeat("d", 1<<24)))), 1, "more than 16777215"},
		"a truncated record":            {valid[:len(valid)-1], 1, "not a protobuf message"},
	}
	for name, c := range cases {
		if _, err := verified(c.payload, 1, c.count); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: the error is %v, which does not contain %q", name, err, c.want)
		}
	}
}

// The methods of an event return, whatever its bytes are.
func TestEventMethodsReturnForAnyBytes(t *testing.T) {
	for _, bytes := range []string{"\x12", "\x0a\x64ab", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "\x22", field(2, "a") + "\x12\x05"} {
		event := record.Event(bytes)
		_, tags := event.Type()
		for _, ok := tags.Next(); ok; _, ok = tags.Next() {
		}
		event.UUID()
	}
}

func TestPositionOf(t *testing.T) {
	whole := stored(300, field(2, ""))
	for bytes, want := range map[string]uint64{
		whole: 300, whole + "x": 0, whole[:len(whole)-1]: 0, whole + whole: 0, "": 0, "\x0a": 0,
		field(1, ""): 0, field(1, "\x08"): 0, field(1, field(2, "")): 0, field(15, "\x08\x07"): 0,
	} {
		if have, ok := record.PositionOf([]byte(bytes)); have != want || ok != (want != 0) {
			t.Errorf("%q is at position %d, %v, not %d", bytes, have, ok, want)
		}
	}
}
