package decide_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/umadb-go/umadb/client"
	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/decide"
	"github.com/umadb-go/umadb/umadbtest"
)

// places is the query of the tests: what has been taken of something.
var places = dcb.Query{Items: []dcb.QueryItem{{Types: []string{"Taken"}, Tags: []string{"course:1"}}}}

func taken(by string) dcb.Event {
	return dcb.Event{Type: "Taken", Tags: []string{"course:1"}, Data: []byte(by)}
}

var errFull = errors.New("full")

// count is the state of a decision: a number of events.
type count int

func (c *count) add(dcb.SequencedEvent) error { *c++; return nil }

// take returns a decision that takes a place if fewer than capacity are taken.
func take(by string, capacity count) decide.Decision[count] {
	return decide.Decision[count]{Query: places, Fold: (*count).add, Decide: func(c *count) ([]dcb.Event, error) {
		if *c >= capacity {
			return nil, errFull
		}
		return []dcb.Event{taken(by)}, nil
	}}
}

// stored returns all events of a store.
func stored(t *testing.T, store dcb.EventStore) []dcb.SequencedEvent {
	t.Helper()
	events, _, err := store.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// connect returns a client of a server of a store.
func connect(t *testing.T, url string) dcb.EventStore {
	t.Helper()
	c, err := client.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestManyDecideOnOneQuery(t *testing.T) {
	memory := umadbtest.NewStore(t)
	served := umadbtest.NewStore(t)
	for name, store := range map[string]dcb.EventStore{
		"embedded": memory,
		"server":   connect(t, umadbtest.NewServer(t, served)),
	} {
		t.Run(name, func(t *testing.T) {
			const programs, capacity = 64, 40
			results := make([]error, programs)
			positions := make([]uint64, programs)
			var wait sync.WaitGroup
			for i := range programs {
				wait.Go(func() {
					d := take(fmt.Sprint(i), capacity)
					d.Attempts = 1000
					positions[i], results[i] = d.Run(t.Context(), store)
				})
			}
			wait.Wait()
			full := 0
			for i, err := range results {
				switch {
				case errors.Is(err, errFull):
					full++
				case err != nil || positions[i] == 0:
					t.Errorf("program %d: position %d, %v", i, positions[i], err)
				}
			}
			if n := len(stored(t, store)); n != capacity || full != programs-capacity {
				t.Errorf("%d events and %d refusals, want %d and %d", n, full, capacity, programs-capacity)
			}
		})
	}
}

// rival appends an event that conflicts before each append.
type rival struct {
	dcb.EventStore
	then func()
}

func (r rival) Append(ctx context.Context, events []dcb.Event, condition *dcb.AppendCondition, tracking *dcb.TrackingInfo) (uint64, error) {
	if _, err := r.EventStore.Append(ctx, []dcb.Event{taken("rival")}, nil, nil); err != nil {
		return 0, err
	}
	position, err := r.EventStore.Append(ctx, events, condition, tracking)
	if r.then != nil {
		r.then()
	}
	return position, err
}

func TestAttemptsAreBounded(t *testing.T) {
	store := umadbtest.NewStore(t)
	folded, decided := 0, []count{}
	d := decide.Decision[count]{
		Query: places,
		Fold:  func(c *count, e dcb.SequencedEvent) error { folded++; return c.add(e) },
		Decide: func(c *count) ([]dcb.Event, error) {
			decided = append(decided, *c)
			return []dcb.Event{taken("me")}, nil
		},
		Attempts: 3,
	}
	_, err := d.Run(t.Context(), rival{EventStore: store})
	if !errors.Is(err, dcb.ErrIntegrity) || !strings.Contains(err.Error(), "none of 3 attempts has succeeded") {
		t.Errorf("error %v", err)
	}
	if !slices.Equal(decided, []count{0, 1, 2}) || folded != 2 {
		t.Errorf("decided from %v, folded %d events, want each of them once", decided, folded)
	}
	if n := len(stored(t, store)); n != 3 {
		t.Errorf("%d events are stored, want those of the rival", n)
	}
}

func TestPauseEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	d := take("me", 100)
	if _, err := d.Run(ctx, rival{umadbtest.NewStore(t), cancel}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestErrorsOfFunctionsAreUnchanged(t *testing.T) {
	store := umadbtest.NewStore(t)
	if _, err := take("me", 0).Run(t.Context(), store); err != errFull {
		t.Errorf("error %v of Decide", err)
	}
	if _, err := store.Append(t.Context(), []dcb.Event{taken("first")}, nil, nil); err != nil {
		t.Fatal(err)
	}
	d := take("me", 2)
	d.Fold = func(*count, dcb.SequencedEvent) error { return errFull }
	if _, err := d.Run(t.Context(), store); err != errFull {
		t.Errorf("error %v of Fold", err)
	}
	if n := len(stored(t, store)); n != 1 {
		t.Errorf("%d events", n)
	}
}

func TestDecisionWithoutEventsAppendsNothing(t *testing.T) {
	store := rival{EventStore: umadbtest.NewStore(t)}
	position, err := decide.Run(t.Context(), store, places, (*count).add, func(*count) ([]dcb.Event, error) { return nil, nil })
	if position != 0 || err != nil || len(stored(t, store)) != 0 {
		t.Errorf("position %d, %v", position, err)
	}
}

func TestErrorOfReadIsReturned(t *testing.T) {
	store := umadbtest.NewStore(t)
	store.Close()
	if _, err := take("me", 1).Run(t.Context(), store); !errors.Is(err, dcb.ErrClosed) {
		t.Errorf("error %v", err)
	}
}
