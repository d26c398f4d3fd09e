package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
)

// restore is the part of a restore operation that an append does not have.
type restore struct {
	first        uint64              // required position of the first event
	tracking     []*dcb.TrackingInfo // of each event; nil if it has none
	trackingOnly []trackingOnly      // in order
	times        []int64             // commit time of each event
	groups       int                 // maximal number of groups: one for each commit time, and the origin
	origin       int64               // see originTime; 0 for none
	earliest     timedRecord         // the first record that has a time; zero if none has
}

// trackingOnly is tracking without an event.
type trackingOnly struct {
	before int // index of the event before which it is stored
	info   dcb.TrackingInfo
	time   int64 // commit time
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
// It writes all of them or none, and they are durable when it returns; a crash can leave
// the first of them. Their positions, tracking and times are kept: the first event must
// follow this store's last, every other event the one before it, and neither the position
// of a tracking source nor the time must decrease. Otherwise Restore fails with
// dcb.ErrIntegrity. A record at position 0 is tracking-only.
//
// A record without a time gets that of the record before it, or of the one after it at the
// start of records. If none has a time, all get the present time, or that of the last commit
// if there are no events among them. Records with one time are one group, so a crash leaves
// all of them or none.
func (s *Store) Restore(ctx context.Context, records []dcb.SequencedEvent) error {
	if err := s.gate.enter(ctx); err != nil {
		return err
	}
	defer s.gate.leave()
	if s.shared != nil {
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "this store is a replica of a shared log, and only that log decides its events; import into another directory"}
	}
	r := new(restore)
	events, err := r.arrange(records, s.published.Load().end.Tail.Time)
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

// arrange splits the records into events, which it returns, and tracking. after is the time of
// the last commit.
func (r *restore) arrange(records []dcb.SequencedEvent, after int64) (events []dcb.Event, err error) {
	if len(records) > maxRequestEvents {
		return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("%d records exceed the limit of %d", len(records), maxRequestEvents)}
	}
	events = make([]dcb.Event, 0, len(records))
	r.tracking = make([]*dcb.TrackingInfo, 0, len(records))
	times, err := r.commitTimes(records, after)
	if err != nil {
		return nil, err
	}
	var original, copied *dcb.TrackingInfo // of the last event; the caller may change the original
	for i := range records {
		record := &records[i]
		if record.Position == 0 {
			if record.Tracking == nil {
				return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("record %d has neither a position nor tracking", i+1)}
			}
			r.trackingOnly = append(r.trackingOnly, trackingOnly{len(events), *record.Tracking, times[i]})
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
		r.times = append(r.times, times[i])
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
