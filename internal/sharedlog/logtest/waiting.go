package logtest

import (
	"context"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

var waitRules = []rule{
	{name: "Wait returns if there is a record", check: func(s *fixture) {
		s.fill(s.create(sharedlog.Point{}), 5)
		s.trim(2)
		for after := range uint64(5) {
			ctx, cancel := context.WithTimeout(s.ctx, soon)
			if err := s.client().Wait(ctx, after); err != nil {
				s.Errorf("waiting after record %d of 5: %v", after, err)
			}
			cancel()
		}
	}},
	{name: "Wait returns when a record is appended", check: func(s *fixture) {
		after := s.create(sharedlog.Point{})
		waiters, writer := s.clients(5), s.client()
		for range 5 {
			wait := inBackground(len(waiters), func(i int) {
				ctx, cancel := context.WithTimeout(s.ctx, soon)
				defer cancel()
				if err := waitAbove(ctx, waiters[i], after.Index); err != nil {
					s.Errorf("waiting after record %d, while the next one is appended: %v", after.Index, err)
				}
			})
			time.Sleep(10 * time.Millisecond) // most of them wait
			next := propose(after)
			if err := next.appendTo(s.ctx, writer); err != nil {
				s.Errorf("appending: %v", err)
			}
			wait()
			after = next.point()
		}
	}},
	{name: "Wait does not return all the time", check: func(s *fixture) {
		points := s.fill(s.create(sharedlog.Point{}), 1)
		ctx, cancel := context.WithTimeout(s.ctx, time.Second)
		defer cancel()
		for n := 0; s.log.Wait(ctx, points[1].Index) == nil; n++ {
			if n == 100 {
				s.Fatalf("Wait has returned %d times within a second without a new record", n)
			}
		}
		if s.ctx.Err() == nil && ctx.Err() == nil {
			s.Errorf("Wait has failed before its context was done")
		}
	}},
}

// waitAbove waits until the last index is above a number.
func waitAbove(ctx context.Context, log sharedlog.Log, after uint64) error {
	for {
		if err := log.Wait(ctx, after); err != nil {
			return err
		}
		if last, err := log.Last(ctx); err != nil || last.Index > after {
			return err
		}
	}
}
