package record

import (
	"encoding/binary"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/umadb-go/umadb/dcb"
)

const (
	// TimeBytes is the number of bytes that AppendRecordedAt appends for each time.
	TimeBytes = 8
	// MaxTimesBytes is the maximum number of bytes that it appends in addition.
	MaxTimesBytes = 2 + binary.MaxVarintLen32
)

// AppendRecordedAt appends to a response the times at which its events were recorded, in Unix
// nanoseconds and in the order of the events, or nothing if there are none.
func AppendRecordedAt(dst []byte, times []int64) []byte {
	if len(times) == 0 {
		return dst
	}
	dst = protowire.AppendTag(dst, responseTimes, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(TimeBytes*len(times)))
	for _, t := range times {
		dst = protowire.AppendFixed64(dst, uint64(t))
	}
	return dst
}

// recordedTimes are the encoded times of a response.
type recordedTimes []byte

// add adds the times of a field, which a sender may have packed or not.
func (r *recordedTimes) add(f field) error {
	switch {
	case f.wire == protowire.BytesType && len(f.bytes)%TimeBytes != 0:
		return malformed(f.start)
	case f.wire == protowire.BytesType && *r == nil: // as this package sends them
		*r = f.bytes[:len(f.bytes):len(f.bytes)]
	case f.wire == protowire.BytesType || f.wire == protowire.Fixed64Type:
		*r = append(*r, f.bytes...)
	}
	return nil
}

// len returns the number of times.
func (r recordedTimes) len() int { return len(r) / TimeBytes }

// at returns the time of the event with an index below len.
func (r recordedTimes) at(i int) int64 { return int64(binary.LittleEndian.Uint64(r[TimeBytes*i:])) }

// set sets the times of events. Those without one keep the zero time.
func (r recordedTimes) set(events []dcb.SequencedEvent) {
	for i := range min(len(events), r.len()) {
		events[i].RecordedAt = time.Unix(0, r.at(i)).UTC()
	}
}

// of returns the times of some events, or none if one of them has none.
func (r recordedTimes) of(events []int) (times []int64) {
	for _, i := range events {
		if i >= r.len() {
			return nil
		}
		times = append(times, r.at(i))
	}
	return times
}
