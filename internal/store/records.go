package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/vfs"
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
			if !yieldRecords(s.verifiedRecords(&group), yield) {
				return
			}
		}
	}
}

// yieldRecords yields the decoded records of a group and reports whether to continue.
func yieldRecords(records iter.Seq2[record.Record, error], yield func(dcb.SequencedEvent, error) bool) bool {
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

// restore is the part of a restore operation that an append does not have.
type restore struct {
	first        uint64              // required position of the first event
	tracking     []*dcb.TrackingInfo // of each event; nil if it has none
	trackingOnly []trackingOnly      // in order
}

// trackingOnly is tracking without an event.
type trackingOnly struct {
	before int // index of the event before which it is stored
	info   dcb.TrackingInfo
}

// restoreLimits are the limits of the format: every record of a store can be restored.
var restoreLimits = dcb.Limits{
	EventBytes:      maxEventBytes,
	RequestBytes:    maxRequestBytes,
	RequestEvents:   maxRequestEvents,
	EventTags:       math.MaxInt32,
	RequestTags:     math.MaxInt32,
	RequestMetadata: math.MaxInt32,
}

// Restore writes records of another store, in the order in which Records yields them.
// It writes all of them or none, and they are durable when it returns. Their positions
// and tracking are kept: the first event must follow this store's last, every other
// event the one before it, and the position of a tracking source must not decrease.
// Otherwise Restore fails with dcb.ErrIntegrity. A record at position 0 is
// tracking-only.
func (s *Store) Restore(ctx context.Context, records []dcb.SequencedEvent) error {
	if err := s.gate.enter(ctx); err != nil {
		return err
	}
	defer s.gate.leave()
	r := new(restore)
	events, err := r.arrange(records)
	if err != nil {
		return err
	}
	request, err := record.NewAppend(events, nil, nil, &restoreLimits)
	if err != nil {
		return nameInvalid(events, r.first, err)
	}
	op := newOperation(request)
	op.restore = r
	if op.changes, err = trackingChanges(records); err != nil {
		return err
	}
	_, err = s.commit(ctx, op)
	return err
}

// arrange splits the records into events, which it returns, and tracking.
func (r *restore) arrange(records []dcb.SequencedEvent) (events []dcb.Event, err error) {
	if len(records) > maxRequestEvents {
		return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("%d records exceed the limit of %d", len(records), maxRequestEvents)}
	}
	events = make([]dcb.Event, 0, len(records))
	r.tracking = make([]*dcb.TrackingInfo, 0, len(records))
	var original, copied *dcb.TrackingInfo // of the last event; the caller may change the original
	for i := range records {
		record := &records[i]
		if record.Position == 0 {
			if record.Tracking == nil {
				return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("record %d has neither a position nor tracking", i+1)}
			}
			r.trackingOnly = append(r.trackingOnly, trackingOnly{len(events), *record.Tracking})
			continue
		}
		if len(events) == 0 {
			r.first = record.Position
		}
		if next := r.first + uint64(len(events)); record.Position != next {
			return nil, notContiguous(record.Position, next-1)
		}
		events = append(events, record.Event)
		if record.Tracking != original {
			original, copied = record.Tracking, nil
			if original != nil {
				info := *original
				copied = &info
			}
		}
		r.tracking = append(r.tracking, copied)
	}
	return events, nil
}

// nameInvalid returns the error of the first event that cannot be stored, with its
// position.
func nameInvalid(events []dcb.Event, first uint64, err error) error {
	for i := range events {
		var invalid *dcb.Error
		if _, err := record.NewAppend(events[i:i+1], nil, nil, &restoreLimits); errors.As(err, &invalid) {
			detail := strings.TrimPrefix(invalid.Detail, "event 1: ")
			return &dcb.Error{Kind: invalid.Kind, Detail: fmt.Sprintf("the event at position %d cannot be stored: %s", first+uint64(i), detail)}
		}
	}
	return err
}

// trackingChanges returns the changes of the records, one for each source.
func trackingChanges(records []dcb.SequencedEvent) (changes []trackingChange, err error) {
	known := map[string]int{} // index in changes
	for i := range records {
		info := records[i].Tracking
		if info == nil {
			continue
		}
		if err := record.CheckSource(info.Source); err != nil {
			return nil, err
		}
		at, again := known[info.Source]
		if !again {
			known[info.Source] = len(changes)
			changes = append(changes, trackingChange{from: *info, to: *info, again: true})
			continue
		}
		to := &changes[at].to
		if info.Position < to.Position {
			return nil, trackingError(info, to.Position)
		}
		*to = *info
	}
	return changes, nil
}

func notContiguous(position, last uint64) error {
	return &dcb.Error{
		Kind:   dcb.ErrIntegrity,
		Detail: fmt.Sprintf("the event at position %d cannot follow position %d", position, last),
	}
}
