package project

import (
	"context"
	"errors"
	"fmt"

	"github.com/umadb-go/umadb/dcb"
)

// Tracking returns a target that appends the events that handle returns for a batch to store,
// which may be the store of the projection or another one. The position of the batch is recorded in
// the same append as tracking information of source, also if there are no events.
//
// Only one instance of a program with this source may run at a time, since a store checks only that the position
// increases. An instance that finds that another one has recorded a position fails with dcb.ErrIntegrity, and
// continues after it. But if the other append happens between this check and its own one, and its batch ends
// earlier, the events that are in both batches count twice. If the outcome of an append is unknown, the
// target repeats it, with the same events, before Position returns. The documentation of the package names what
// could still count twice, and a target that is always safe.
func Tracking(store dcb.EventStore, source string, handle func(ctx context.Context, batch Batch) ([]dcb.Event, error)) Target {
	return &tracking{store: store, source: source, handle: handle}
}

type tracking struct {
	store   dcb.EventStore
	source  string
	handle  func(ctx context.Context, batch Batch) ([]dcb.Event, error)
	unknown *trackedAppend // whose outcome is unknown, or nil
}

// trackedAppend is the append for a batch.
type trackedAppend struct {
	events          []dcb.Event
	after, position uint64 // those of the batch
}

// Position returns the recorded position of the source. If the outcome of an append is unknown, it
// is repeated first: it could still happen, and a longer batch would then contain its events again.
func (t *tracking) Position(ctx context.Context) (uint64, error) {
	position, err := t.recorded(ctx)
	if err != nil || t.unknown == nil {
		return position, err
	}
	if after := t.unknown.after; position == after {
		err := t.append(ctx, t.unknown)
		if err != nil && !errors.Is(err, dcb.ErrIntegrity) {
			return 0, err
		}
		refused := err
		if position, err = t.recorded(ctx); err != nil {
			return 0, err
		}
		if refused != nil && position == after {
			return 0, refused // the recorded position is not visible yet
		}
	}
	t.unknown = nil
	return position, nil
}

// Handle appends the events of a batch.
func (t *tracking) Handle(ctx context.Context, batch Batch) error {
	events, err := t.handle(ctx, batch)
	if err != nil {
		return err
	}
	position, err := t.Position(ctx)
	if err != nil {
		return err
	}
	if position != batch.After {
		return &dcb.Error{Kind: dcb.ErrIntegrity, Detail: fmt.Sprintf("the position of source %q is %d, and not %d as before the batch: "+
			"another instance is running; nothing was appended", t.source, position, batch.After)}
	}
	t.unknown = &trackedAppend{events, batch.After, batch.Position}
	err = t.append(ctx, t.unknown)
	if isCertain(err) {
		t.unknown = nil
	}
	return err
}

func (t *tracking) recorded(ctx context.Context) (uint64, error) {
	position, _, err := t.store.GetTrackingInfo(ctx, t.source)
	return position, err
}

func (t *tracking) append(ctx context.Context, a *trackedAppend) error {
	_, err := t.store.Append(ctx, a.events, nil, &dcb.TrackingInfo{Source: t.source, Position: a.position})
	return err
}

// isCertain reports whether the outcome of an append that is not repeated is known from its error. A
// refusal of the position is not enough: the position that is the reason may not be visible yet.
func isCertain(err error) bool {
	e, ok := errors.AsType[*dcb.Error](err)
	return err == nil || ok && e.NotAppended || errors.Is(err, dcb.ErrInvalidArgument) || errors.Is(err, dcb.ErrAuthentication)
}
