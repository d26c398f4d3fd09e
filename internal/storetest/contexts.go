package storetest

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/umadb-go/umadb/dcb"
)

var contextRules = []rule{
	{name: "a call with a cancelled context does nothing", check: func(s *fixture) {
		s.fill(1)
		cancelled, cancel := context.WithCancel(s.ctx)
		cancel()
		_, err := s.store.Append(cancelled, s.events(1), nil, &dcb.TrackingInfo{Source: s.tag, Position: 1})
		s.wantRefused(err, context.Canceled, 1)
		s.wantNoTracking(s.tag)
		_, _, err = s.store.Read(cancelled, s.mine(), dcb.ReadOptions{}).Collect()
		s.wantError(err, context.Canceled)
		_, err = s.store.Head(cancelled)
		s.wantError(err, context.Canceled)
		_, _, err = s.store.GetTrackingInfo(cancelled, s.tag)
		s.wantError(err, context.Canceled)
	}},
	{name: "a subscription with a cancelled context returns only an error", check: func(s *fixture) {
		cancelled, cancel := context.WithCancel(s.ctx)
		cancel()
		var last error
		for _, err := range s.store.Subscribe(cancelled, s.mine(), s.base) {
			last = err
		}
		s.wantError(last, context.Canceled)
	}},
	{name: "a deadline ends a subscription", check: func(s *fixture) {
		s.fill(1)
		ctx, cancel := context.WithTimeout(s.ctx, 20*time.Millisecond)
		defer cancel()
		var last error
		for _, err := range s.store.Subscribe(ctx, s.mine(), s.base) {
			last = err
		}
		s.wantError(last, context.DeadlineExceeded)
	}},
	{name: "a cancelled read never looks complete", check: func(s *fixture) {
		s.fill(20_000)
		for _, backwards := range []bool{false, true} {
			ctx, cancel := context.WithCancel(s.ctx)
			response := s.store.Read(ctx, s.mine(), dcb.ReadOptions{Backwards: backwards})
			first, err := response.NextBatch()
			n := len(first)
			cancel()
			for err == nil {
				var batch []dcb.SequencedEvent
				batch, err = response.NextBatch()
				n += len(batch)
			}
			if !errors.Is(err, context.Canceled) && !(errors.Is(err, io.EOF) && n == 20_000) {
				s.Errorf("the read returned %d events and then the error %v", n, err)
			}
		}
	}},
	{name: "a cancelled append is written as a whole or not at all", check: cancelledAppends},
	{name: "a cancelled append does not affect others", check: func(s *fixture) {
		requests := s.events(400)
		s.concurrently(16, func(i int) {
			for k := range 25 {
				ctx, cancel := context.WithCancel(s.ctx)
				if i%2 == 1 {
					go cancel()
				}
				_, err := s.store.Append(ctx, requests[i*25+k:i*25+k+1], nil, nil)
				if i%2 == 0 && err != nil {
					s.Errorf("an append that was not cancelled failed: %v", err)
				}
				cancel()
			}
		})
		if n := len(s.read(s.mine(), dcb.ReadOptions{})); n < 200 {
			s.Errorf("%d events are stored, want at least the 200 that were not cancelled", n)
		}
	}},
}

// cancelledAppends cancels appends at random times before, during or after them.
func cancelledAppends(s *fixture) {
	type request struct {
		tag    string
		events []dcb.Event
	}
	requests := make(chan request, 400)
	for range cap(requests) {
		events := s.eventsWithUUID(3)
		tag := events[0].UUID
		for i := range events {
			events[i].Tags = append(events[i].Tags, tag)
		}
		requests <- request{tag, events}
	}
	close(requests)
	var mu sync.Mutex
	ends := map[string]uint64{} // by tag; 0 for an append that failed
	s.concurrently(16, func(i int) {
		random := rand.New(rand.NewPCG(uint64(i), 2))
		for r := range requests {
			ctx, cancel := context.WithTimeout(s.ctx, time.Duration(random.IntN(1000))*time.Microsecond)
			end, err := s.store.Append(ctx, r.events, nil, nil)
			cancel()
			// Client and server both watch the deadline; either may notice it first.
			if err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
				s.Errorf("a cancelled append failed: %v", err)
			}
			mu.Lock()
			ends[r.tag] = end
			mu.Unlock()
		}
	})
	for tag, end := range ends {
		got := s.read(s.mine(tag), dcb.ReadOptions{})
		n := len(got)
		if end > 0 && (n != 3 || got[2].Position != end) || end == 0 && n != 0 && n != 3 {
			s.Errorf("an append of 3 events that returned %d wrote %d events", end, n)
		}
	}
}
