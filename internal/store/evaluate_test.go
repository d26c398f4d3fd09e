package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/vfs"
)

// newMemStore opens a store in memory with small blocks.
func newMemStore(t *testing.T) *Store {
	t.Helper()
	s, err := Open("/store", &Options{FS: vfs.NewMem(), BlockEvents: 20_000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// matchesOf returns the positions that a query matches, in the order of a direction.
func matchesOf(t *testing.T, s *Store, q dcb.Query, low, high uint64, direction index.Direction) []uint64 {
	t.Helper()
	var found []uint64
	sn := s.snapshot()
	defer sn.release()
	var m matches
	err := m.start(caller{ctx: t.Context(), store: s}, sn, selection{compile(s.hasher, q), low, high, direction})
	for more := true; more && err == nil; {
		before := len(found)
		_, found, err = m.next(found, 100)
		more = len(found) > before
	}
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// The queries take many slices, so that slices end within an item, between matches, and
// in long ranges without a match.
func TestSlicesFindAllMatches(t *testing.T) {
	s := newMemStore(t)
	chance := rand.New(rand.NewPCG(3, 5))
	const count = 70_000
	var events []dcb.Event
	for i := range count {
		event := dcb.Event{Type: fmt.Sprint("type", i%3), Tags: []string{[]string{"even", "odd"}[i%2]}}
		if chance.IntN(5000) == 0 {
			event.Tags = []string{"odd", "even", fmt.Sprint("rare", i%7)}
		}
		events = append(events, event)
	}
	for chunk := range 7 {
		if _, err := s.Append(t.Context(), events[chunk*count/7:(chunk+1)*count/7], nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	queries := []dcb.Query{
		tagged("even", "odd"),
		{Items: []dcb.QueryItem{{Tags: []string{"odd", "even"}}, {Types: []string{"type1", "type2"}, Tags: []string{"rare3"}}}},
		{Items: []dcb.QueryItem{{Types: []string{"type0"}, Tags: []string{"even", "odd"}}, {Tags: []string{"nowhere", "odd"}}}},
		{Items: []dcb.QueryItem{{Types: []string{"type0", "type1"}, Tags: []string{"even"}}}},
	}
	dense := dcb.Query{} // has so many items that a slice decides few positions
	for i := range 300 {
		dense.Items = append(dense.Items, dcb.QueryItem{Types: []string{fmt.Sprint("type", i%3)}, Tags: []string{"even", "odd"}})
	}
	queries = append(queries, dense)
	for i, q := range queries {
		for _, direction := range []index.Direction{index.Forwards, index.Backwards} {
			low, high := uint64(1+chance.IntN(1000)), uint64(count-chance.IntN(1000))
			if i == len(queries)-1 {
				low = high - 4000
			}
			var want []uint64
			for position := low; position <= high; position++ {
				if q.Matches(events[position-1].Type, events[position-1].Tags) {
					want = append(want, position)
				}
			}
			got := matchesOf(t, s, q, low, high, direction)
			if direction == index.Backwards {
				for i, j := 0, len(got)-1; i < j; i, j = i+1, j-1 {
					got[i], got[j] = got[j], got[i]
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("query %d, direction %v: found %d positions, want %d", i, direction, len(got), len(want))
			}
		}
	}
}

func TestSliceStopsAtStepLimit(t *testing.T) {
	s := newMemStore(t)
	if _, err := s.Append(t.Context(), alternating(60_000, "a", "b"), nil, nil); err != nil {
		t.Fatal(err)
	}
	q := compile(s.hasher, tagged("a", "b"))
	sn := s.snapshot()
	defer sn.release()
	const limit = 1000
	_, steps, err := firstMatchWithin(sn, q, 0, limit)
	if !errors.Is(err, errStepLimit) || steps != limit+1 {
		t.Errorf("%d steps and error %v, want %d and the step limit", steps, err, limit+1)
	}
}

// largeQuery returns a query with one type for each item. From 65 terms on, it is
// expensive to evaluate.
func largeQuery(items int, tags ...string) dcb.Query {
	var q dcb.Query
	for i := range items {
		q.Items = append(q.Items, dcb.QueryItem{Types: []string{fmt.Sprint("type", i)}, Tags: tags})
	}
	return q
}

// endlessQuery returns a query whose evaluation takes very long: for each of 16,384
// items, it visits all events with tag a or b.
func endlessQuery() dcb.Query {
	q := largeQuery(16_384, "a", "b")
	for i := range q.Items {
		q.Items[i].Types = nil
	}
	return q
}

// waitForExpensiveEvaluation waits until an expensive query is being evaluated.
func waitForExpensiveEvaluation(t *testing.T, s *Store) {
	t.Helper()
	eventually(t, "an expensive query is being evaluated", func() bool {
		if !s.slots.expensive.TryAcquire(expensiveTerms) {
			return true
		}
		s.slots.expensive.Release(expensiveTerms)
		return false
	})
}

func TestCheapEvaluationDoesNotWaitForExpensiveOnes(t *testing.T) {
	s := newMemStore(t)
	if _, err := s.Append(t.Context(), alternating(10, "a", "b"), nil, nil); err != nil {
		t.Fatal(err)
	}
	// Expensive evaluations use all their slots.
	if err := s.slots.expensive.Acquire(t.Context(), expensiveTerms); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), alternating(1, "c"), &dcb.AppendCondition{FailIfEventsMatch: tagged("c")}, nil); err != nil {
		t.Errorf("a cheap condition: %v", err)
	}
	if events, _, err := s.Read(t.Context(), tagged("a"), dcb.ReadOptions{}).Collect(); err != nil || len(events) != 5 {
		t.Errorf("a cheap read: %d events, %v", len(events), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	expensive := make(chan error, 1)
	go func() {
		_, err := s.Append(ctx, alternating(1, "c"), &dcb.AppendCondition{FailIfEventsMatch: largeQuery(100, "x")}, nil)
		expensive <- err
	}()
	select {
	case err := <-expensive:
		t.Errorf("an expensive condition did not wait: %v", err)
	default:
	}
	cancel()
	if err := <-expensive; !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled expensive condition: %v", err)
	}
	s.slots.expensive.Release(expensiveTerms)
	if _, err := s.Append(t.Context(), alternating(1, "c"), &dcb.AppendCondition{FailIfEventsMatch: largeQuery(100, "x")}, nil); err != nil {
		t.Errorf("an expensive condition with a slot: %v", err)
	}
}

func TestExpensiveEvaluationsTakeTurns(t *testing.T) {
	s := newMemStore(t)
	if _, err := s.Append(t.Context(), alternating(40_000, "a", "b"), nil, nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := s.Append(ctx, alternating(1, "c"), &dcb.AppendCondition{FailIfEventsMatch: endlessQuery()}, nil)
		ended <- err
	}()
	waitForExpensiveEvaluation(t, s)
	if _, err := s.Append(t.Context(), alternating(1, "c"), &dcb.AppendCondition{FailIfEventsMatch: largeQuery(100, "x")}, nil); err != nil {
		t.Errorf("another expensive condition: %v", err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the endless condition: %v", err)
	}
}

func TestCloseEndsEvaluations(t *testing.T) {
	s := newMemStore(t)
	if _, err := s.Append(t.Context(), alternating(40_000, "a", "b"), nil, nil); err != nil {
		t.Fatal(err)
	}
	outcome := startAppend(t, s, alternating(1, "c"), &dcb.AppendCondition{FailIfEventsMatch: endlessQuery()})
	waitForExpensiveEvaluation(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := <-outcome; !errors.Is(got.err, dcb.ErrClosed) {
		t.Errorf("append: error %v, want dcb.ErrClosed", got.err)
	}
}

// countedContext is a context that is done after left calls of Err.
type countedContext struct {
	context.Context
	left int
}

func (c *countedContext) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

func TestEvaluationChecksContextBetweenLookups(t *testing.T) {
	s := newMemStore(t)
	if _, err := s.Append(t.Context(), alternating(10, "a"), nil, nil); err != nil {
		t.Fatal(err)
	}
	var q dcb.Query // items with a single tag that no event has
	for i := range 1000 {
		q.Items = append(q.Items, dcb.QueryItem{Tags: []string{fmt.Sprint("tag", i)}})
	}
	sn := s.snapshot()
	defer sn.release()
	ctx := &countedContext{t.Context(), 3}
	if _, err := s.firstMatch(ctx, sn, compile(s.hasher, q), 0, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("evaluation: error %v, want context.Canceled", err)
	}
}

// A query for two frequent tags that no event has together has few terms and takes many
// steps.
func TestEvaluationOfManyStepsIsExpensive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemStore(t)
		if _, err := s.Append(t.Context(), alternating(40_000, "a", "b"), nil, nil); err != nil {
			t.Fatal(err)
		}
		if err := s.slots.expensive.Acquire(t.Context(), expensiveTerms); err != nil {
			t.Fatal(err)
		}
		ended := startAppend(t, s, alternating(1, "c"), &dcb.AppendCondition{FailIfEventsMatch: tagged("a", "b")})
		synctest.Wait()
		select {
		case got := <-ended:
			t.Fatalf("the append did not wait: %d, %v", got.position, got.err)
		default:
		}
		s.slots.expensive.Release(expensiveTerms)
		if got := <-ended; got.err != nil {
			t.Error(got.err)
		}
	})
}
