package decide

import (
	"context"
	"errors"
	"fmt"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/retry"
)

// attempts are the appends of a decision.
type attempts struct {
	left    int
	backoff retry.Backoff
}

// append appends events. If it is unknown whether they have been appended, it sends them again,
// provided that the store recognises them.
func (a *attempts) append(ctx context.Context, store dcb.EventStore, events []dcb.Event, condition *dcb.AppendCondition) (uint64, error) {
	var unknown error // the first error after which the outcome is unknown
	for {
		a.left--
		position, err := store.Append(ctx, events, condition, nil)
		switch {
		case err == nil || errors.Is(err, dcb.ErrIntegrity):
			// A conflict is certain: had the events been appended before, the store would recognise them.
			return position, err
		case unknown == nil && isUnknown(err):
			unknown = err
		case unknown == nil:
			return 0, err
		case !isUnknown(err):
			return 0, fmt.Errorf("%w (sent again: %v)", unknown, err)
		}
		// The rule of every server, also of those that recognise more.
		first := events[0]
		if a.left == 0 || !condition.FailIfEventsMatch.Matches(first.Type, first.Tags) || a.backoff.Pause(ctx) != nil {
			return 0, unknown
		}
	}
}

// isUnknown reports whether the events of an append that failed may have been appended.
func isUnknown(err error) bool {
	e, ok := errors.AsType[*dcb.Error](err)
	return ok && errors.Is(e.Kind, dcb.ErrTransport) && !e.NotAppended
}
