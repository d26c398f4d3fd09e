package project

import (
	"context"

	"github.com/umadb-go/umadb/dcb"
)

// Tracking returns a target that appends the events that handle returns for a batch to store,
// which may be the store of the projection or another one. The position of the batch is recorded in
// the same append as tracking information of source, also if there are no events. If two instances
// of a program run at the same time, the append of one of them fails with dcb.ErrIntegrity, and it continues
// after the batch of the other.
func Tracking(store dcb.EventStore, source string, handle func(ctx context.Context, batch Batch) ([]dcb.Event, error)) Target {
	return &tracking{store, source, handle}
}

type tracking struct {
	store  dcb.EventStore
	source string
	handle func(ctx context.Context, batch Batch) ([]dcb.Event, error)
}

// Position returns the recorded position of the source.
func (t *tracking) Position(ctx context.Context) (uint64, error) {
	position, _, err := t.store.GetTrackingInfo(ctx, t.source)
	return position, err
}

// Handle appends the events of a batch.
func (t *tracking) Handle(ctx context.Context, batch Batch) error {
	events, err := t.handle(ctx, batch)
	if err != nil {
		return err
	}
	_, err = t.store.Append(ctx, events, nil, &dcb.TrackingInfo{Source: t.source, Position: batch.Position})
	return err
}
