package record

import (
	"encoding/binary"
	"fmt"
	"iter"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/umadb-go/umadb/dcb"
)

// Field numbers of umadb.v1.ReadResponse and SequencedEvent. The events of a
// SubscribeResponse have the same number.
const (
	responseEvents = 1
	responseHead   = 2
	responseTimes  = 100 // recorded_at

	sequencedPosition = 1
	sequencedEvent    = 2
	sequencedTracking = 3

	// recordTracking is the field of a tracking-only record, which is stored and
	// never sent. No response has this field.
	recordTracking = 15
)

// AppendEventRecord appends the record of an event to dst: an entry of
// ReadResponse.events. tracking is nil if there is none.
func AppendEventRecord(dst []byte, position uint64, event Event, tracking []byte) []byte {
	size := sizeUint(position) + sizeOfBytes(len(event))
	if tracking != nil {
		size += sizeOfBytes(len(tracking))
	}
	dst = protowire.AppendVarint(append(dst, bytesTag(responseEvents)), uint64(size))
	dst = appendUint(dst, sequencedPosition, position)
	dst = appendBytes(dst, sequencedEvent, []byte(event))
	if tracking != nil {
		dst = appendBytes(dst, sequencedTracking, tracking)
	}
	return dst
}

// AppendTrackingRecord appends a tracking-only record to dst.
func AppendTrackingRecord(dst []byte, tracking []byte) []byte {
	return appendBytes(dst, recordTracking, tracking)
}

// Record is a stored record in the payload of a group.
type Record struct {
	Offset   int    // in the payload, in bytes
	Size     int    // in bytes, including tag and length
	Position uint64 // 0 for a tracking-only record
	Event    Event
	Tracking *dcb.TrackingInfo
}

// Records returns an iterator over the records of a payload. An error ends it. It does
// not verify the records; StoredRecords does.
func Records(payload []byte) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for f, err := range fields(payload) {
			var record Record
			if err == nil {
				record, err = parseRecord(f)
			}
			if !yield(record, err) || err != nil {
				return
			}
		}
	}
}

func parseRecord(f field) (r Record, err error) {
	r.Offset, r.Size = f.start, f.end-f.start
	switch {
	case f.message(recordTracking):
		r.Tracking, err = decodeTracking(f.bytes)
		return r, err
	case !f.message(responseEvents):
		return r, fmt.Errorf("field %d is not a record", f.number)
	}
	err = eachField(f.bytes, func(f field) (err error) {
		switch {
		case f.scalar(sequencedPosition):
			r.Position = f.varint
		case f.message(sequencedEvent):
			r.Event = f.bytes
		case f.message(sequencedTracking):
			r.Tracking, err = decodeTracking(f.bytes)
		}
		return err
	})
	return r, err
}

// Decode returns the record as a value that does not alias the payload. The event of a
// tracking-only record is empty.
func (r *Record) Decode() (s dcb.SequencedEvent, err error) {
	s.Position, s.Tracking = r.Position, r.Tracking
	s.Event, err = DecodeEvent(append([]byte(nil), r.Event...))
	return s, err
}

// MaxHeadBytes is the maximum number of bytes that AppendHead appends.
const MaxHeadBytes = 1 + binary.MaxVarintLen64

// AppendHead appends the head of a ReadResponse to dst, or nothing if head is 0.
func AppendHead(dst []byte, head uint64) []byte {
	if head == 0 {
		return dst
	}
	return appendUint(dst, responseHead, head)
}

// DecodeResponse decodes a ReadResponse or SubscribeResponse. The events do not
// alias response. head is 0 if the response has none.
func DecodeResponse(response []byte) (events []dcb.SequencedEvent, head uint64, err error) {
	var times recordedTimes
	err = eachField(response, func(f field) error {
		switch {
		case f.message(responseEvents):
			event, err := decodeSequenced(f.bytes)
			events = append(events, event)
			return err
		case f.scalar(responseHead):
			head = f.varint
		case f.number == responseTimes:
			return times.add(f)
		}
		return nil
	})
	times.set(events)
	return events, head, err
}

// decodeSequenced copies a message once, and lets the event's strings and data alias
// the copy, so that an event does not keep others in memory.
func decodeSequenced(message []byte) (s dcb.SequencedEvent, err error) {
	message = append([]byte(nil), message...)
	err = eachField(message, func(f field) (err error) {
		switch {
		case f.scalar(sequencedPosition):
			s.Position = f.varint
		case f.message(sequencedEvent):
			s.Event, err = DecodeEvent(f.bytes)
		case f.message(sequencedTracking):
			s.Tracking, err = decodeTracking(f.bytes)
		}
		return err
	})
	return s, err
}
