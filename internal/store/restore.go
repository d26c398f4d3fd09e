package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// restore is what a restored run of events has that an append has not.
type restore struct {
	first     uint64              // the position that the first event must get
	tracking  []*dcb.TrackingInfo // of each event; nil for none
	eventless []eventless         // in order
}

// eventless is tracking that comes with no event, but before one of the operation's,
// or behind them all.
type eventless struct {
	before int // events of the operation that come first
	info   dcb.TrackingInfo
}

// restoreLimits are those of the format: what a store could hold may be restored.
var restoreLimits = dcb.Limits{
	EventBytes:      maxEventBytes,
	RequestBytes:    maxRequestBytes,
	RequestEvents:   maxRequestEvents,
	EventTags:       math.MaxInt32,
	RequestTags:     math.MaxInt32,
	RequestMetadata: math.MaxInt32,
}

// Restore writes a run of records of another store, as Records gives them and in
// that order, or none of them. They are durable when it returns. Positions and
// tracking are as given: the first event must follow this store's last, each other
// the one before it, and the tracking of a source must never go back, or Restore
// fails with dcb.ErrIntegrity. A record at position 0 is tracking alone.
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
	request, err := encoding.NewAppend(events, nil, nil, &restoreLimits)
	if err != nil {
		return nameUnfit(events, r.first, err)
	}
	op := newOperation(request)
	op.restore = r
	if op.changes, err = trackingChanges(records); err != nil {
		return err
	}
	_, err = s.commit(ctx, op)
	return err
}

// arrange takes the records apart, so that they can be written in this order.
func (r *restore) arrange(records []dcb.SequencedEvent) (events []dcb.Event, err error) {
	if len(records) > maxRequestEvents {
		return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("%d records are more than %d, which is the limit", len(records), maxRequestEvents)}
	}
	events = make([]dcb.Event, 0, len(records))
	r.tracking = make([]*dcb.TrackingInfo, 0, len(records))
	for i := range records {
		record := &records[i]
		if record.Position == 0 {
			if record.Tracking == nil {
				return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("record %d has neither a position nor tracking", i+1)}
			}
			r.eventless = append(r.eventless, eventless{len(events), *record.Tracking})
			continue
		}
		if len(events) == 0 {
			r.first = record.Position
		}
		if next := r.first + uint64(len(events)); record.Position != next {
			return nil, outOfPlace(record.Position, next-1)
		}
		events = append(events, record.Event)
		r.tracking = append(r.tracking, record.Tracking)
	}
	return events, nil
}

// nameUnfit names the position of the event that cannot be stored.
func nameUnfit(events []dcb.Event, first uint64, err error) error {
	for i := range events {
		var unfit *dcb.Error
		if _, err := encoding.NewAppend(events[i:i+1], nil, nil, &restoreLimits); errors.As(err, &unfit) {
			detail := strings.TrimPrefix(unfit.Detail, "event 1: ")
			return &dcb.Error{Kind: unfit.Kind, Detail: fmt.Sprintf("the event of position %d cannot be stored: %s", first+uint64(i), detail)}
		}
	}
	return err
}

// trackingChanges gives what the records do to each source.
func trackingChanges(records []dcb.SequencedEvent) (changes []trackingChange, err error) {
	known := map[string]int{} // index in changes
	for i := range records {
		info := records[i].Tracking
		if info == nil {
			continue
		}
		if err := encoding.CheckSource(info.Source); err != nil {
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

func outOfPlace(position, last uint64) error {
	return &dcb.Error{
		Kind:   dcb.ErrIntegrity,
		Detail: fmt.Sprintf("the event of position %d cannot come directly behind position %d", position, last),
	}
}

// inPlace tells whether an operation that has to begin at a position would.
func (w *writer) inPlace(op *operation) bool {
	return op.restore == nil || op.request.Count == 0 || op.restore.first == w.open.last()+1
}
