package store

import (
	"context"
	"iter"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// Records iterates over the records that are in the log now, in log order: events with
// their tracking and, at position 0, tracking-only records. It verifies each group
// before it yields its records, and keeps at most one group in memory. An error is the
// last value that it yields. Close waits until the iteration ends.
func (s *Store) Records(ctx context.Context) iter.Seq2[dcb.SequencedEvent, error] {
	return func(yield func(dcb.SequencedEvent, error) bool) {
		if err := s.gate.enter(ctx); err != nil {
			yield(dcb.SequencedEvent{}, err)
			return
		}
		defer s.gate.leave()
		for group, err := range s.log.Groups(s.log.Start(), s.published.Load().group) {
			if err == nil {
				err = s.interrupted(ctx)
			}
			if err != nil {
				yield(dcb.SequencedEvent{}, storeError(err, "reading the log"))
				return
			}
			if !yieldRecords(s.verifiedRecords(&group), yield) {
				return
			}
		}
	}
}

// yieldRecords yields the decoded records of a group and reports whether to continue.
func yieldRecords(records iter.Seq2[encoding.Record, error], yield func(dcb.SequencedEvent, error) bool) bool {
	for record, err := range records {
		var decoded dcb.SequencedEvent
		if err == nil {
			decoded, err = record.Decode()
		}
		if err != nil {
			yield(dcb.SequencedEvent{}, storeError(err, "reading a record of the log"))
			return false
		}
		if !yield(decoded, nil) {
			return false
		}
	}
	return true
}

// interrupted returns an error if a long operation must stop: dcb.ErrClosed when the
// store closes, or the error of ctx.
func (s *Store) interrupted(ctx context.Context) error {
	select {
	case <-s.closing:
		return dcb.ErrClosed
	default:
		return ctx.Err()
	}
}
