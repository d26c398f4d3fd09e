package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/umadb-go/umadb/dcb"
)

// attempt is one append of a goroutine and its result.
type attempt struct {
	events    []dcb.Event
	condition dcb.AppendCondition
	tracking  *dcb.TrackingInfo
	position  uint64
	err       error
	seen      uint64 // the head after the append
}

// serializable appends from many goroutines with overlapping conditions, and
// checks that a store that processes one append at a time could have returned the
// same results. The successful appends are ordered by position; each failed one
// needs a conflicting event that was stored by then.
func serializable(s *fixture) {
	attempts := s.attempts(16, 40)
	slices.SortFunc(attempts, func(a, b attempt) int { return cmp.Compare(a.position, b.position) })
	naive := NewNaive()
	successes := 0
	for _, a := range attempts {
		if a.err != nil {
			continue
		}
		successes++
		condition := dcb.AppendCondition{FailIfEventsMatch: a.condition.FailIfEventsMatch, After: a.condition.After - s.base}
		position, err := naive.Append(context.Background(), a.events, &condition, a.tracking)
		if err != nil || position+s.base != a.position {
			s.Fatalf("an append returned %d; replayed in order it returns %d, error %v", a.position, position+s.base, err)
		}
	}
	s.wantHead(len(naive.events))
	stored := s.read(s.mine(), dcb.ReadOptions{})
	for _, a := range attempts {
		if a.err != nil && !slices.ContainsFunc(stored, a.conflictsWith) {
			s.Fatalf("an append without conflict failed: %v", a.err)
		}
	}
	if successes == 0 || successes == len(attempts) {
		s.Errorf("%d of %d appends succeeded: nothing was tested", successes, len(attempts))
	}
}

// conflictsWith reports whether an event is a reason for the attempt to fail.
func (a *attempt) conflictsWith(e dcb.SequencedEvent) bool {
	tracked := a.tracking != nil && e.Tracking != nil && e.Tracking.Source == a.tracking.Source && e.Tracking.Position >= a.tracking.Position
	matched := e.Position > a.condition.After && a.condition.FailIfEventsMatch.Matches(e.Event.Type, e.Event.Tags)
	return e.Position <= a.seen && (tracked || matched)
}

// attempts runs goroutines that append the given number of times each.
func (s *fixture) attempts(goroutines, times int) (all []attempt) {
	var mu sync.Mutex
	events := make(chan []dcb.Event, goroutines*times)
	for i := range cap(events) {
		events <- s.events(1+i%3, fmt.Sprint("tag ", i%5))
	}
	s.concurrently(goroutines, func(g int) {
		random := rand.New(rand.NewPCG(uint64(g), 1))
		for range times {
			head, err := s.store.Head(s.ctx)
			if err != nil {
				s.Errorf("head: %v", err)
				return
			}
			a := attempt{events: <-events}
			a.condition.FailIfEventsMatch = s.mine(fmt.Sprint("tag ", random.IntN(5)))
			a.condition.After = max(s.base, head-min(head, random.Uint64N(3)))
			if random.IntN(4) == 0 {
				a.tracking = &dcb.TrackingInfo{Source: fmt.Sprint(s.tag, random.IntN(3)), Position: (head - s.base) / 8}
			}
			a.position, a.err = s.store.Append(s.ctx, a.events, &a.condition, a.tracking)
			a.seen, err = s.store.Head(s.ctx)
			if err != nil || a.err != nil && !errors.Is(a.err, dcb.ErrIntegrity) {
				s.Errorf("append: %v, head: %v", a.err, err)
				return
			}
			mu.Lock()
			all = append(all, a)
			mu.Unlock()
		}
	})
	return all
}
