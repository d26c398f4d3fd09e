package store

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/vfs"
)

// Records iterates over the records that are in the log now, in log order: events with
// their tracking and, at position 0, tracking-only records, both with their times. It
// verifies each group before it yields its records, and keeps at most one group in memory.
// An error is the last value that it yields. Close waits until the iteration ends.
func (s *Store) Records(ctx context.Context) iter.Seq2[dcb.SequencedEvent, error] {
	return func(yield func(dcb.SequencedEvent, error) bool) {
		if err := s.gate.enter(ctx); err != nil {
			yield(dcb.SequencedEvent{}, err)
			return
		}
		defer s.gate.leave()
		if err := s.refresh(ctx); err != nil {
			yield(dcb.SequencedEvent{}, err)
			return
		}
		for group, err := range s.log.Groups(s.log.Start(), s.published.Load().group) {
			if err == nil {
				err = s.interrupted(ctx)
			}
			if err != nil {
				yield(dcb.SequencedEvent{}, storeError(err, "reading the log"))
				return
			}
			if !yieldRecords(s.verifiedRecords(&group), group.Time, yield) {
				return
			}
		}
	}
}

// yieldRecords yields the decoded records of a group, with its commit time in Unix nanoseconds,
// and reports whether to continue.
func yieldRecords(records iter.Seq2[record.Record, error], commit int64, yield func(dcb.SequencedEvent, error) bool) bool {
	recordedAt := time.Unix(0, commit).UTC()
	for record, err := range records {
		var decoded dcb.SequencedEvent
		if err == nil {
			decoded, err = record.Decode()
			decoded.RecordedAt = recordedAt
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

// verifiedRecords iterates over the records of a group that was read from the log, and
// verifies them. A group with correct checksums may contain invalid records, so every
// reader of groups must use this function. An error is a *vfs.CorruptionError, and the
// last value that it yields.
func (s *Store) verifiedRecords(g *eventlog.Group) iter.Seq2[record.Record, error] {
	return func(yield func(record.Record, error) bool) {
		for record, err := range record.StoredRecords(g.Payload, g.First, int(g.Count)) {
			if err != nil {
				err = &vfs.CorruptionError{
					File:   s.log.SegmentName(g.Base),
					Offset: g.PayloadOffset() + int64(record.Offset),
					What:   fmt.Sprintf("group %d: %v", g.Index, err),
				}
			}
			if !yield(record, err) {
				return
			}
		}
	}
}
