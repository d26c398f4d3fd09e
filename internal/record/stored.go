package record

import (
	"bytes"
	"errors"
	"fmt"
	"iter"

	"google.golang.org/protobuf/encoding/protowire"
)

// MaxRecordBytes is the maximum size in bytes of a stored record, including tag and
// length.
const MaxRecordBytes = 1<<24 - 1

// StoredRecords returns an iterator over the records of a group that verifies each
// record: the encoding is that of AppendEventRecord or AppendTrackingRecord, the event
// and the tracking are valid, and the positions are consecutive. The group must have
// count events, the first of them at position first. An error ends the iterator; only
// the offset of the record yielded with it is valid.
func StoredRecords(payload []byte, first uint64, count int) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		v := recordVerifier{payload: payload, next: first, left: count, tracking: []byte{}}
		offset := 0
		for f, err := range fields(payload) {
			var r Record
			if err == nil {
				r, err = v.verify(f)
			}
			if err != nil {
				yield(Record{Offset: offset}, err)
				return
			}
			offset = f.end
			if !yield(r, nil) {
				return
			}
		}
		if v.left > 0 {
			yield(Record{Offset: offset}, fmt.Errorf("there are %d events instead of %d", count-v.left, count))
		}
	}
}

// recordVerifier verifies the records of one payload, in order.
type recordVerifier struct {
	payload  []byte
	next     uint64 // position of the next event
	left     int    // number of events that must follow
	encoded  []byte // scratch
	tracking []byte // scratch, not nil
}

func (v *recordVerifier) verify(f field) (Record, error) {
	r, err := parseRecord(f)
	switch isEvent := f.number == responseEvents; {
	case err != nil:
		return r, err
	case r.Size > MaxRecordBytes:
		return r, fmt.Errorf("the record has %d bytes, more than %d", r.Size, MaxRecordBytes)
	case isEvent && r.Position != v.next:
		return r, fmt.Errorf("the event has position %d instead of %d", r.Position, v.next)
	case isEvent && v.left == 0:
		return r, errors.New("there are more events than expected")
	case isEvent:
		v.next++
		v.left--
		err = CheckEvent(r.Event)
	}
	if err == nil && r.Tracking != nil {
		err = CheckSource(r.Tracking.Source)
	}
	if err == nil && !bytes.Equal(v.encode(&r), v.payload[f.start:f.end]) {
		err = errors.New("the record is not encoded canonically")
	}
	return r, err
}

// encode returns the canonical encoding of a record. It is valid until the next call.
func (v *recordVerifier) encode(r *Record) []byte {
	var tracking []byte // nil for none
	if r.Tracking != nil {
		v.tracking = AppendTracking(v.tracking[:0], r.Tracking)
		tracking = v.tracking
	}
	if r.Position == 0 {
		v.encoded = AppendTrackingRecord(v.encoded[:0], tracking)
	} else {
		v.encoded = AppendEventRecord(v.encoded[:0], r.Position, r.Event, tracking)
	}
	return v.encoded
}

// PositionOf returns the position in an event record. ok is false if record is not
// exactly one event record. PositionOf does not verify the event.
func PositionOf(record []byte) (position uint64, ok bool) {
	if len(record) == 0 || record[0] != bytesTag(responseEvents) {
		return 0, false
	}
	content, n := protowire.ConsumeBytes(record[1:])
	if n != len(record)-1 || len(content) == 0 || content[0] != positionTag {
		return 0, false
	}
	position, n = protowire.ConsumeVarint(content[1:])
	return position, n > 0
}

// positionTag is the tag of SequencedEvent.position.
const positionTag = sequencedPosition<<3 | byte(protowire.VarintType)
