package store

import (
	"context"
	"iter"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// Records ranges over all that the log holds as of now, in its order: events with
// their tracking and, at position 0, tracking that came without an event. It
// verifies each group whole, and keeps no more than one of them in memory. An
// error is the last thing that it yields. Until it ends, closing waits.
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

// yieldRecords yields the decoded records of a group, and reports whether to continue.
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

// interrupted tells why long work should stop: ctx is done, or the store closes.
func (s *Store) interrupted(ctx context.Context) error {
	select {
	case <-s.closing:
		return dcb.ErrClosed
	default:
		return ctx.Err()
	}
}
