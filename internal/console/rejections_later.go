package console

import (
	"context"
	"time"

	"github.com/umadb-go/umadb/dcb"
)

// readLater looks for events with the type and tags of those that were rejected, which mean that
// the append was repeated and succeeded.
func readLater(ctx context.Context, store dcb.EventStore, all []*shownRejection) error {
	calls, ctx := newCalls(ctx)
	for _, r := range all {
		if r.ConflictPosition == 0 || len(r.Events) == 0 || r.Events[0].MoreTags > 0 {
			continue
		}
		calls.Go(func() error {
			query := dcb.Query{Items: []dcb.QueryItem{{Types: []string{r.Events[0].Type}, Tags: r.Events[0].Tags}}}
			event, err := r.findLater(ctx, store, query)
			if isUnexpected(err) {
				return err
			}
			if event != nil {
				r.Later = new(newNeighbour(event, query))
			}
			return nil
		})
	}
	return calls.Wait()
}

// findLater returns the first event after the conflicting one, and not before the rejection, that
// matches a query. It returns nil if there is none.
func (r *shownRejection) findLater(ctx context.Context, store dcb.EventStore, query dcb.Query) (*dcb.SequencedEvent, error) {
	start, rejected := r.ConflictPosition+1, r.Time.Truncate(time.Millisecond)
	for range 2 {
		events, _, err := store.Read(ctx, query, dcb.ReadOptions{Start: &start, Limit: new(uint32(1))}).Collect()
		if err != nil || len(events) == 0 {
			return nil, err
		}
		if at := events[0].RecordedAt; at.IsZero() || !at.Before(rejected) {
			return &events[0], nil
		}
		before, err := store.PositionAt(ctx, rejected.Add(-1))
		if err != nil {
			return nil, err
		}
		start = max(start, before) + 1
	}
	return nil, nil
}
