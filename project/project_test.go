package project_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/project"
	"github.com/umadb-go/umadb/umadbtest"
)

// orders is the query of the tests. Every second event matches it.
var orders = dcb.Query{Items: []dcb.QueryItem{{Types: []string{"Order"}}}}

// appendOrders appends n events that match the query, each after one that does not.
func appendOrders(t *testing.T, store dcb.EventStore, n int) {
	t.Helper()
	for range n {
		if _, err := store.Append(t.Context(), []dcb.Event{{Type: "Other"}, {Type: "Order"}}, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// table is a target with transactions.
type table struct {
	mu       sync.Mutex
	position uint64
	handled  []uint64 // positions of events
	batches  []project.Batch
	before   func(project.Batch) error // called before the transaction is committed, may be nil
	after    func(project.Batch) error // called afterwards, may be nil
}

var errOtherInstance = errors.New("another instance is running")

func (tb *table) Position(context.Context) (uint64, error) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	return tb.position, nil
}

func (tb *table) Handle(_ context.Context, batch project.Batch) error {
	if tb.before != nil {
		if err := tb.before(batch); err != nil {
			return err
		}
	}
	tb.mu.Lock()
	defer tb.mu.Unlock()
	if batch.After != tb.position {
		return errOtherInstance
	}
	for _, event := range batch.Events {
		tb.handled = append(tb.handled, event.Position)
	}
	tb.position = batch.Position
	tb.batches = append(tb.batches, batch)
	if tb.after != nil {
		return tb.after(batch)
	}
	return nil
}

// wantOnce checks that the events of the first n orders have been handled once, in order.
func (tb *table) wantOnce(t *testing.T, n int) {
	t.Helper()
	var want []uint64
	for i := range n {
		want = append(want, uint64(2*i+2))
	}
	if !slices.Equal(tb.handled, want) {
		t.Errorf("handled %v, want %v", tb.handled, want)
	}
	for _, batch := range tb.batches {
		if n := len(batch.Events); n > 0 && batch.Events[n-1].Position != batch.Position {
			t.Errorf("a batch ends with event %d, and its position is %d", batch.Events[n-1].Position, batch.Position)
		}
	}
}

// until returns a context that is done when the position is reached, and a function for
// Options.Progress.
func until(ctx context.Context, position uint64) (context.Context, func(project.Progress)) {
	ctx, cancel := context.WithCancel(ctx)
	return ctx, func(p project.Progress) {
		if p.Position >= position {
			cancel()
		}
	}
}

func TestEachEventIsHandledOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := umadbtest.NewStore(t)
		appendOrders(t, store, 100)
		random := rand.New(rand.NewPCG(1, 2))
		fail := func(project.Batch) error {
			if random.IntN(4) == 0 {
				return errors.New("the database is not available")
			}
			return nil
		}
		tb := &table{before: fail, after: fail}
		for end := 40; end <= 100; end += 20 { // the program is started again
			ctx, progress := until(t.Context(), uint64(2*end))
			if err := project.Run(ctx, store, orders, tb, &project.Options{BatchEvents: 4, Progress: progress}); err != nil {
				t.Fatal(err)
			}
		}
		tb.wantOnce(t, 100)
	})
}

func TestNewEventsAreHandled(t *testing.T) {
	store := umadbtest.NewStore(t)
	tb := &table{}
	ctx, progress := until(t.Context(), 20)
	done := make(chan error)
	go func() { done <- project.Run(ctx, store, orders, tb, &project.Options{Progress: progress}) }()
	appendOrders(t, store, 10)
	if err := <-done; err != nil {
		t.Error(err)
	}
	tb.wantOnce(t, 10)
}

func TestEventsThatAreThereAreOneBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := umadbtest.NewStore(t)
		appendOrders(t, store, 10)
		ctx, progress := until(t.Context(), 20)
		tb := &table{before: func(project.Batch) error { synctest.Wait(); return nil }}
		if err := project.Run(ctx, store, orders, tb, &project.Options{BatchEvents: 6, Progress: progress}); err != nil {
			t.Error(err)
		}
		var previous uint64
		for i, batch := range tb.batches {
			if batch.After != previous || batch.Position != batch.Events[len(batch.Events)-1].Position || len(batch.Events) > 6 {
				t.Errorf("batch %d: %+v", i, batch)
			}
			previous = batch.Position
		}
		if n := len(tb.batches); n > 3 {
			t.Errorf("%d batches", n)
		}
	})
}

func TestFailuresAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := umadbtest.NewStore(t)
		appendOrders(t, store, 2)
		errBroken := errors.New("broken")
		calls := 0
		tb := &table{before: func(batch project.Batch) error {
			if calls++; calls%3 == 0 && batch.Position == 2 {
				return nil // the third attempt
			}
			return errBroken
		}}
		err := project.Run(t.Context(), store, orders, tb, &project.Options{BatchEvents: 1, Attempts: 3})
		// The first event, and then three failures of the second one.
		if !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "3 attempts after position 2 have failed") || calls != 6 {
			t.Errorf("error %v after %d calls", err, calls)
		}
		tb.wantOnce(t, 1)
	})
}

func TestErrorsThatWillNotPass(t *testing.T) {
	closed := umadbtest.NewStore(t)
	closed.Close()
	open := umadbtest.NewStore(t)
	appendOrders(t, open, 1)
	invalid := &dcb.Error{Kind: dcb.ErrInvalidArgument}
	for name, c := range map[string]struct {
		store dcb.EventStore
		tb    *table
		want  error
	}{
		"closed store":     {closed, &table{}, dcb.ErrClosed},
		"invalid argument": {open, &table{before: func(project.Batch) error { return invalid }}, invalid},
	} {
		t.Run(name, func(t *testing.T) {
			if err := project.Run(t.Context(), c.store, orders, c.tb, nil); !errors.Is(err, c.want) || strings.Contains(err.Error(), "attempts") {
				t.Errorf("error %v, want %v", err, c.want)
			}
		})
	}
}

func TestBatchIsFinishedWhenTheContextIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := umadbtest.NewStore(t)
		appendOrders(t, store, 2)
		ctx, cancel := context.WithCancel(t.Context())
		tb := &table{before: func(project.Batch) error { cancel(); return nil }}
		if err := project.Run(ctx, store, orders, tb, &project.Options{BatchEvents: 1}); err != nil {
			t.Error(err)
		}
		tb.wantOnce(t, 1)
	})
}

// waiting is a target whose batches take until their context is done.
type waiting struct{ table }

func (w *waiting) Handle(ctx context.Context, _ project.Batch) error { <-ctx.Done(); return ctx.Err() }

func TestGraceOfABatchIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := umadbtest.NewStore(t)
		appendOrders(t, store, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		err := project.Run(ctx, store, orders, &waiting{}, &project.Options{Grace: time.Minute})
		if took := time.Since(start); !errors.Is(err, context.Canceled) || took != time.Minute+time.Second {
			t.Errorf("error %v after %v", err, took)
		}
	})
}

func TestPauseEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := umadbtest.NewStore(t)
		appendOrders(t, store, 1)
		ctx, cancel := context.WithCancel(t.Context())
		failed := false
		tb := &table{before: func(project.Batch) error { failed = true; return errors.New("broken") }}
		go func() { synctest.Wait(); cancel() }() // all others wait: for the pause
		if err := project.Run(ctx, store, orders, tb, nil); err != nil || !failed {
			t.Errorf("error %v, failed %v", err, failed)
		}
	})
}

func TestProgressShowsTheLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := umadbtest.NewStore(t)
		appendOrders(t, store, 3)
		ctx, cancel := context.WithCancel(t.Context())
		var lags []uint64
		progress := func(p project.Progress) {
			lags = append(lags, p.Lag())
			if p.Position == p.Head {
				cancel()
			}
		}
		if err := project.Run(ctx, store, orders, &table{}, &project.Options{BatchEvents: 1, Progress: progress}); err != nil {
			t.Error(err)
		}
		if want := []uint64{6, 4, 2, 0}; !slices.Equal(lags, want) {
			t.Errorf("lags %v, want %v", lags, want)
		}
	})
}

// ending is a store whose subscriptions end after one event, without an error, as those of a
// client do that does not resume when its server stops.
type ending struct{ dcb.EventStore }

func (e ending) Subscribe(ctx context.Context, query dcb.Query, after uint64, options ...dcb.SubscribeOptions) iter.Seq2[dcb.SequencedEvent, error] {
	return func(yield func(dcb.SequencedEvent, error) bool) {
		for event, err := range e.EventStore.Subscribe(ctx, query, after, options...) {
			yield(event, err)
			return
		}
	}
}

func TestSubscriptionThatEndsIsStartedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := umadbtest.NewStore(t)
		appendOrders(t, store, 5)
		tb := &table{}
		ctx, progress := until(t.Context(), 10)
		// No attempt fails without progress, so two are enough.
		if err := project.Run(ctx, ending{store}, orders, tb, &project.Options{Attempts: 2, Progress: progress}); err != nil {
			t.Error(err)
		}
		tb.wantOnce(t, 5)
	})
}

// Two instances of a program compete. Each batch is stored by one of them.
func TestTwoInstancesHandleEachEventOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := umadbtest.NewStore(t)
		appendOrders(t, store, 60)
		tb := &table{}
		ctx, progress := until(t.Context(), 120)
		var wait sync.WaitGroup
		for range 2 {
			wait.Go(func() {
				if err := project.Run(ctx, store, orders, tb, &project.Options{BatchEvents: 7, Attempts: 100, Progress: progress}); err != nil && !errors.Is(err, errOtherInstance) {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		tb.wantOnce(t, 60)
	})
}

func ExampleProgress_Lag() {
	fmt.Println(project.Progress{Position: 40, Head: 50}.Lag())
	// Output: 10
}

// The position moves over events that do not match, once when the projection has caught up, and later
// every five seconds.
func TestPositionMovesWithoutMatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := umadbtest.NewStore(t)
		appendOrders(t, store, 2)
		other := func() {
			if _, err := store.Append(t.Context(), []dcb.Event{{Type: "Other"}}, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
		other()
		tb := &table{}
		ctx, progress := until(t.Context(), 25)
		done := make(chan error)
		go func() { done <- project.Run(ctx, store, orders, tb, &project.Options{Progress: progress}) }()
		time.Sleep(time.Second)
		if position, _ := tb.Position(ctx); position != 5 {
			t.Errorf("caught up at %d, want 5", position)
		}
		for range 20 {
			other()
			time.Sleep(time.Second)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		tb.wantOnce(t, 2)
		moves := slices.DeleteFunc(slices.Clone(tb.batches), func(b project.Batch) bool { return len(b.Events) > 0 })
		if len(moves) > 1+5 {
			t.Errorf("the position has moved %d times: %v", len(moves), moves)
		}
	})
}

// A batch without events is not handled while batches with events follow each other.
func TestPositionMovesWithTheNextEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := umadbtest.NewStore(t)
		const appends = 20
		tb := &table{}
		ctx, progress := until(t.Context(), 2*appends)
		done := make(chan error)
		go func() { done <- project.Run(ctx, store, orders, tb, &project.Options{Progress: progress}) }()
		for range appends {
			if _, err := store.Append(t.Context(), []dcb.Event{{Type: "Order"}, {Type: "Other"}}, nil, nil); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if len(tb.handled) != appends {
			t.Errorf("%d events were handled, want %d", len(tb.handled), appends)
		}
		for i, batch := range tb.batches {
			if isLast := i == len(tb.batches)-1; isLast != (len(batch.Events) == 0) {
				t.Errorf("batch %d of %d: %+v", i+1, len(tb.batches), batch)
			}
		}
	})
}
