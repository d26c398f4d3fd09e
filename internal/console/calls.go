package console

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/umadb-go/umadb/dcb"
)

// callsAtOnce is the maximum number of calls that a part of a page makes at the same time.
const callsAtOnce = 8

// newCalls returns a group that makes calls with the returned context, callsAtOnce of them at the same
// time. The first error cancels the context.
func newCalls(ctx context.Context) (*errgroup.Group, context.Context) {
	calls, ctx := errgroup.WithContext(ctx)
	calls.SetLimit(callsAtOnce)
	return calls, ctx
}

// positionsAt returns the position of the last event at each of some times.
func positionsAt(ctx context.Context, s dcb.EventStore, times []time.Time) ([]uint64, error) {
	positions := make([]uint64, len(times))
	calls, ctx := newCalls(ctx)
	for i, at := range times {
		calls.Go(func() (err error) {
			positions[i], err = s.PositionAt(ctx, at)
			return err
		})
	}
	return positions, calls.Wait()
}
