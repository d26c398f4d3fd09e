package console

import (
	"context"
	"errors"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/web"
)

// readConflicts reads the conflicting events, each once.
func readConflicts(ctx context.Context, store dcb.EventStore, all []*shownRejection) error {
	byPosition := map[uint64][]*shownRejection{}
	for _, r := range all {
		if r.ConflictPosition > 0 {
			byPosition[r.ConflictPosition] = append(byPosition[r.ConflictPosition], r)
		}
	}
	calls, ctx := newCalls(ctx)
	for position, of := range byPosition {
		calls.Go(func() error {
			event, by, err := readConflict(ctx, store, position, of)
			unread := ""
			switch {
			case errors.Is(err, web.ErrNotFound):
				unread = "the store has no event with this position"
			case errors.Is(err, dcb.ErrAuthentication):
				unread = "the rights or limits of the API key do not permit it"
			case err != nil:
				return err
			}
			for _, r := range of {
				if r.Unread = unread; unread == "" {
					r.setConflict(event, by)
				}
			}
			return nil
		})
	}
	return calls.Wait()
}

// readConflict reads the event at a position, with which rejections conflict. A key with limits may read it only by a
// query that shows that the event is within the limits: the condition of a rejection may be one.
func readConflict(ctx context.Context, store dcb.EventStore, position uint64, of []*shownRejection) (event dcb.SequencedEvent, by dcb.Query, err error) {
	event, err = readMatching(ctx, store, by, position)
	for _, r := range of {
		if !errors.Is(err, dcb.ErrAuthentication) {
			break
		}
		if r.Condition != nil && r.Condition.IsWhole() && len(r.Condition.Items) > 0 {
			by = r.Condition.query()
			event, err = readMatching(ctx, store, by, position)
		}
	}
	return event, by, err
}

// setConflict sets the conflicting event, of which the page shows a part, and the items that match it. by is the query
// by which the event was read.
func (r *shownRejection) setConflict(event dcb.SequencedEvent, by dcb.Query) {
	if r.Condition != nil {
		r.Matches = r.Condition.matches(&event.Event)
	}
	r.Conflict = new(briefEvent(event, by))
	r.Conflict.under = underItem(r.Conflict.by)
}
