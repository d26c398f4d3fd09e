package decide

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/retry"
)

// defaultAttempts is enough for a hundred programs that decide on the same query at the same time.
const defaultAttempts = 20

// Bounds of the pause before another attempt. An attempt takes a few milliseconds.
const (
	firstPause = 4 * time.Millisecond
	lastPause  = 250 * time.Millisecond
)

// Run makes a decision. It reads the events of query, folds them into a state, which is the zero
// value of S at first, and appends the events that decide returns. It returns the position of the
// last one, or 0 if there are none. Decision has the same with options.
func Run[S any](
	ctx context.Context,
	store dcb.EventStore,
	query dcb.Query,
	fold func(state *S, event dcb.SequencedEvent) error,
	decide func(state *S) ([]dcb.Event, error),
) (uint64, error) {
	return Decision[S]{Query: query, Fold: fold, Decide: decide}.Run(ctx, store)
}

// Decision is a decision from a state S.
type Decision[S any] struct {
	// Query selects the events on which the decision depends.
	Query dcb.Query
	// Fold changes the state by an event. It is called once for each event of Query, in order,
	// starting with the zero value of S.
	Fold func(state *S, event dcb.SequencedEvent) error
	// Decide returns the events to append. Without events, nothing is appended. It is called once for
	// each attempt, and must not change the state: Fold continues with it.
	Decide func(state *S) ([]dcb.Event, error)

	// Key makes the decision idempotent. If a decision with the same key has appended events,
	// Run returns the position of the last one, and Decide is not called. It may be any text, such as the
	// name of a user with the Idempotency-Key of a request. The UUIDs of the events are
	// made from it. Query must match one of them, and only events of Query are searched: a key is
	// for requests that are the same. If it is empty, there is no key.
	Key string
	// Attempts is the maximum number of appends. The default is 20.
	Attempts int
}

// Run makes the decision. It returns the position of its last event, or 0 if it has none.
func (d Decision[S]) Run(ctx context.Context, store dcb.EventStore) (uint64, error) {
	if d.Attempts <= 0 {
		d.Attempts = defaultAttempts
	}
	m := model[S]{decision: &d, key: newKey(d.Key)}
	a := attempts{left: d.Attempts, backoff: retry.Backoff{First: firstPause, Last: lastPause}}
	for {
		made, err := m.read(ctx, store)
		if err != nil || made != 0 {
			return made, err
		}
		events, err := d.Decide(&m.state)
		if err != nil || len(events) == 0 {
			return 0, err
		}
		events, err = m.identify(events)
		if err != nil {
			return 0, err
		}
		condition := &dcb.AppendCondition{FailIfEventsMatch: d.Query, After: m.head}
		position, err := a.append(ctx, store, events, condition)
		if !errors.Is(err, dcb.ErrIntegrity) {
			return position, err
		}
		if a.left == 0 {
			return 0, fmt.Errorf("decide: none of %d attempts has succeeded: %w", d.Attempts, err)
		}
		if err := a.backoff.Pause(ctx); err != nil {
			return 0, err
		}
	}
}

// model is the state of a decision, with what it has been made from.
type model[S any] struct {
	decision *Decision[S]
	key      key
	state    S
	head     uint64 // up to which events have been folded
}

// read folds the events after the head, and moves the head. If one of them is by a decision with
// the same key, it returns the position of the last event of that decision.
func (m *model[S]) read(ctx context.Context, store dcb.EventStore) (made uint64, err error) {
	start := m.head + 1
	response := store.Read(ctx, m.decision.Query, dcb.ReadOptions{Start: &start})
	for event, err := range response.All() {
		if err != nil {
			return 0, err
		}
		if position, found := m.key.find(event); found {
			return position, nil
		}
		if err := m.decision.Fold(&m.state, event); err != nil {
			return 0, err
		}
	}
	head, err := response.Head()
	// The head of another server may be lower than that of the read before.
	m.head = max(m.head, head)
	return 0, err
}
