package console

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/umadb-go/umadb/dcb"
)

// trackedEvents is the maximum number of events, from the newest one on, among which the last one of a source is sought.
const trackedEvents = 1000

// askedSource is a source that was asked for by its name.
type askedSource struct {
	sourceData
	// Head is the position of the last event; nil if it cannot be read.
	Head *uint64 `json:"head,omitempty"`
	// Last is the newest event that was appended with the source, of those from the position ComparedFrom on; nil if
	// there is none. It is not known if ComparedFrom is 0.
	Last         *trackedEvent `json:"last_event,omitempty"`
	ComparedFrom uint64        `json:"compared_from,omitempty"`
	// ComparedSince is when the event at ComparedFrom was recorded, if the server keeps it.
	ComparedSince time.Time `json:"compared_since,omitzero"`
}

// trackedEvent is an event that was appended with a tracking source.
type trackedEvent struct {
	neighbour
	RecordedAt time.Time `json:"recorded_at,omitzero"`
	// Upstream is the position of the source that was recorded with it.
	Upstream uint64 `json:"tracking_position"`
}

// newAskedSource asks for a source, and for the last event that was appended with it.
func newAskedSource(ctx context.Context, s dcb.EventStore, name string) (*askedSource, error) {
	asked := &askedSource{sourceData: sourceData{Source: name}}
	position, known, err := s.GetTrackingInfo(ctx, name)
	if err != nil || !known {
		return asked, err
	}
	asked.Position = &position
	head, err := s.Head(ctx)
	if err != nil {
		if isUnexpected(err) {
			return nil, err
		}
		return asked, nil
	}
	asked.Head = &head
	if err := asked.findLast(ctx, s); isUnexpected(err) {
		return nil, err
	}
	return asked, nil
}

// findLast finds the last event of the source. A store has no index for it, so it reads events from the newest one on,
// and ends after a number of events or bytes.
func (a *askedSource) findLast(ctx context.Context, s dcb.EventStore) error {
	response := s.Read(ctx, dcb.Query{}, dcb.ReadOptions{Backwards: true, Limit: new(uint32(trackedEvents))})
	defer response.Close()
	size := 0
	for {
		batch, err := response.NextBatch()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, e := range batch {
			a.ComparedFrom, a.ComparedSince = e.Position, e.RecordedAt
			if t := e.Tracking; t != nil && t.Source == a.Source {
				a.Last = &trackedEvent{newNeighbour(&e, dcb.Query{}), e.RecordedAt, t.Position}
				return nil
			}
			if size += sizeOf(&e.Event); size >= maxEventBytes {
				return nil
			}
		}
	}
}

// InStore reports whether an event has the position of the source, if the source is this store.
func (a *askedSource) InStore() bool {
	return a.Head != nil && *a.Position > 0 && *a.Position <= *a.Head
}

// Lag returns the number of positions after that of the source, if it is this store.
func (a *askedSource) Lag() uint64 { return *a.Head - *a.Position }

// IsLast reports whether the position was recorded with the last event of the source, and not later.
func (a *askedSource) IsLast() bool { return a.Last.Upstream == *a.Position }
