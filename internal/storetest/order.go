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

// attempt is one append of a goroutine, and what came of it.
type attempt struct {
	events    []dcb.Event
	condition dcb.AppendCondition
	tracking  *dcb.TrackingInfo
	position  uint64
	err       error
	seen      uint64 // the head after the append
}

// oneOrder lets many goroutines append on conditions that overlap, and looks
// for the order in which a store that does one thing at a time would have
// answered so. The positions say in which order the successful ones came. One
// that failed needs an event that had come by then.
func oneOrder(s *scene) {
	attempts := s.attempts(16, 40)
	slices.SortFunc(attempts, func(a, b attempt) int { return cmp.Compare(a.position, b.position) })
	naive := NewNaive()
	wins := 0
	for _, a := range attempts {
		if a.err != nil {
			continue
		}
		wins++
		condition := dcb.AppendCondition{FailIfEventsMatch: a.condition.FailIfEventsMatch, After: a.condition.After - s.base}
		position, err := naive.Append(context.Background(), a.events, &condition, a.tracking)
		if err != nil || position+s.base != a.position {
			s.Fatalf("an append succeeded at %d; in order it is at %d, error %v", a.position, position+s.base, err)
		}
	}
	s.wantHead(len(naive.events))
	stored := s.read(s.mine(), dcb.ReadOptions{})
	for _, a := range attempts {
		if a.err != nil && !slices.ContainsFunc(stored, a.conflictsWith) {
			s.Fatalf("an append failed (%v) that nothing was in conflict with", a.err)
		}
	}
	if wins == 0 || wins == len(attempts) {
		s.Errorf("%d of %d appends succeeded: nothing was tested", wins, len(attempts))
	}
}

// conflictsWith tells whether an event is a reason for the attempt to fail.
func (a *attempt) conflictsWith(e dcb.SequencedEvent) bool {
	tracked := a.tracking != nil && e.Tracking != nil && e.Tracking.Source == a.tracking.Source && e.Tracking.Position >= a.tracking.Position
	matched := e.Position > a.condition.After && a.condition.FailIfEventsMatch.Matches(e.Event.Type, e.Event.Tags)
	return e.Position <= a.seen && (tracked || matched)
}

// attempts lets so many goroutines append so many times each.
func (s *scene) attempts(goroutines, times int) (all []attempt) {
	var mu sync.Mutex
	events := make(chan []dcb.Event, goroutines*times)
	for i := range cap(events) {
		events <- s.events(1+i%3, fmt.Sprint("tag ", i%5))
	}
	s.together(goroutines, func(g int) {
		random := rand.New(rand.NewPCG(uint64(g), 1))
		for range times {
			head, err := s.store.Head(s.ctx)
			if err != nil {
				s.Errorf("the head cannot be had: %v", err)
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
				s.Errorf("appending: %v, asking for the head: %v", a.err, err)
				return
			}
			mu.Lock()
			all = append(all, a)
			mu.Unlock()
		}
	})
	return all
}
