package store

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// restore is what a restored run of events has that an append has not.
type restore struct {
	first    uint64              // the position that the first event must get
	tracking []*dcb.TrackingInfo // of each event; nil for none
	alone    []dcb.TrackingInfo  // that comes behind the events
}

// restoreLimits are those of the format: what a store could hold may be restored.
var restoreLimits = dcb.Limits{
	EventBytes:    maxEventBytes,
	RequestBytes:  maxRequestBytes,
	RequestEvents: maxRequestEvents,
	EventTags:     math.MaxInt32,
}

// Restore writes a run of records of another store, as Records gives them, or
// none of them. They are durable when it returns. Positions and tracking are as
// given: the first event must follow this store's last, each other the one before
// it, and the tracking of a source must never go back, or Restore fails with
// dcb.ErrIntegrity. A record at position 0 is tracking alone.
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
		return err
	}
	op := newOperation(request)
	op.restore = r
	if op.advances, err = advancesOf(records); err != nil {
		return err
	}
	_, err = s.commit(ctx, op)
	return err
}

// arrange takes the records apart. Tracking that came alone is moved behind the
// events, unless one of them goes further: only the last position counts.
func (r *restore) arrange(records []dcb.SequencedEvent) (events []dcb.Event, err error) {
	for i := range records {
		record := &records[i]
		if record.Tracking != nil {
			r.alone = slices.DeleteFunc(r.alone, func(info dcb.TrackingInfo) bool { return info.Source == record.Tracking.Source })
		}
		if record.Position == 0 {
			if record.Tracking != nil {
				r.alone = append(r.alone, *record.Tracking)
			}
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

// advancesOf gives what the records do to each source.
func advancesOf(records []dcb.SequencedEvent) (advances []advance, err error) {
	known := map[string]int{} // index in advances
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
			known[info.Source] = len(advances)
			advances = append(advances, advance{from: *info, to: *info, again: true})
			continue
		}
		to := &advances[at].to
		if info.Position < to.Position {
			return nil, trackingError(info, to.Position)
		}
		*to = *info
	}
	return advances, nil
}

func outOfPlace(position, last uint64) error {
	return &dcb.Error{
		Kind:   dcb.ErrIntegrity,
		Detail: fmt.Sprintf("the event of position %d cannot come directly behind position %d", position, last),
	}
}

// checkPlace fails if an operation has to begin at a position that is not the
// next.
func (w *writer) checkPlace(op *operation) error {
	if op.restore == nil || op.request.Count == 0 || op.restore.first == w.open.last()+1 {
		return nil
	}
	return outOfPlace(op.restore.first, w.open.last())
}
