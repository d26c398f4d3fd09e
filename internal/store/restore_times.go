package store

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
)

const (
	// presentTime stands for the time at which a group is sealed.
	presentTime = 0
	// earliestTime is the time of tracking-only records without one before all others. Those that
	// follow may have any.
	earliestTime = 1
)

// timedRecord is a record with its time.
type timedRecord struct {
	position uint64 // 0 if it is tracking-only
	time     int64
}

// commitTimes returns the commit time of each record, in Unix nanoseconds. If none has a time, it
// is that of the last commit, after, for tracking-only records, and presentTime if there are
// events.
func (r *restore) commitTimes(records []dcb.SequencedEvent, after int64) ([]int64, error) {
	times := make([]int64, len(records))
	last, unknown := int64(presentTime), 0 // of the records before the first one with a time
	for i := range records {
		next := last
		if at := records[i].RecordedAt; !at.IsZero() {
			next = record.UnixNano(at)
			if err := checkTime(&records[i], next, max(last, after)); err != nil {
				return nil, err
			}
			if r.earliest.time == presentTime {
				r.earliest = timedRecord{records[i].Position, next}
			}
		}
		if next != last {
			r.groups++
		}
		if next == presentTime {
			unknown++
		}
		times[i], last = next, next
	}
	first := int64(presentTime)
	if unknown < len(records) {
		first = times[unknown]
	} else if !slices.ContainsFunc(records, func(r dcb.SequencedEvent) bool { return r.Position > 0 }) {
		first = max(after, earliestTime)
	}
	for i := range unknown {
		times[i] = first
	}
	r.groups = max(r.groups, 1)
	if after <= earliestTime && last != presentTime {
		r.origin = originTime(times[0])
		r.groups++
	}
	return times, nil
}

// originTime returns the time of a clean-close record that is written before the first record
// with a time of another store, which is recorded at first. It is random: otherwise the chain of
// a copy with the same groups would be that of its source, and the copy would be taken for one
// that the source continues, although it is another store.
func originTime(first int64) int64 {
	return max(1, first-rand.Int64N(int64(24*time.Hour)))
}

// follow returns an error if the records cannot follow a commit at a time. It omits the origin
// if that commit is not the start of the log.
func (r *restore) follow(commit int64) error {
	if commit > earliestTime {
		r.origin = 0
	}
	if r.earliest.time != presentTime && r.earliest.time < commit {
		return r.earliest.tooEarly(commit)
	}
	return nil
}

// checkTime returns an error if a record cannot have its time, or if that is before the commit
// time after.
func checkTime(r *dcb.SequencedEvent, at, after int64) error {
	record := timedRecord{r.Position, at}
	switch {
	case at <= presentTime || at == math.MaxInt64:
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("%s cannot have the time %s: times are between 1970 and 2262", record, r.RecordedAt.Format(time.RFC3339Nano))}
	case at < after:
		return record.tooEarly(after)
	}
	return nil
}

// tooEarly returns the error of a record whose time is before that of the last commit.
func (r timedRecord) tooEarly(commit int64) error {
	return &dcb.Error{Kind: dcb.ErrIntegrity, Detail: fmt.Sprintf("%s was recorded at %s, before the last commit, at %s", r, formatTime(r.time), formatTime(commit))}
}

// String returns the name of the record in errors.
func (r timedRecord) String() string {
	if r.position == 0 {
		return "a tracking-only record"
	}
	return fmt.Sprint("the event at position ", r.position)
}

func formatTime(at int64) string { return time.Unix(0, at).UTC().Format(time.RFC3339Nano) }
