package logtest

import (
	"context"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

var contextRules = []rule{
	{name: "a call whose context is done returns an error", check: func(s *fixture) {
		points := s.fill(s.create(sharedlog.Point{}), 3)
		ctx, cancel := context.WithCancel(s.ctx)
		cancel()
		for _, c := range calls {
			if err := c.call(ctx, s.log, points[3]); err == nil {
				s.Errorf("%s succeeded", c.name)
			}
		}
		s.readAll(s.log, points[0], 3) // the client is still usable, and the append may be in the log
	}},
	{name: "Wait returns when its context is done", check: func(s *fixture) {
		points := s.fill(s.create(sharedlog.Point{}), 1)
		for _, end := range []func() (context.Context, context.CancelFunc){
			func() (context.Context, context.CancelFunc) { return context.WithTimeout(s.ctx, 10*time.Millisecond) },
			func() (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(s.ctx)
				time.AfterFunc(10*time.Millisecond, cancel)
				return ctx, cancel
			},
		} {
			ctx, cancel := end()
			start := time.Now()
			for s.log.Wait(ctx, points[1].Index) == nil && time.Since(start) < soon {
				time.Sleep(time.Millisecond)
			}
			if took := time.Since(start); took >= soon {
				s.Errorf("Wait returned %v after its context was done", took)
			}
			cancel()
		}
	}},
}

// calls are the calls of all methods with a context.
var calls = []struct {
	name string
	call func(ctx context.Context, log sharedlog.Log, last sharedlog.Point) error
}{
	{"Create", func(ctx context.Context, log sharedlog.Log, _ sharedlog.Point) error {
		_, err := log.Create(ctx, sharedlog.Origin{})
		return err
	}},
	{"Origin", func(ctx context.Context, log sharedlog.Log, _ sharedlog.Point) error {
		_, err := log.Origin(ctx)
		return err
	}},
	{"Append", func(ctx context.Context, log sharedlog.Log, last sharedlog.Point) error {
		return propose(last).appendTo(ctx, log)
	}},
	{"Read", func(ctx context.Context, log sharedlog.Log, _ sharedlog.Point) error {
		_, err := log.Read(ctx, 1)
		return err
	}},
	{"Wait", func(ctx context.Context, log sharedlog.Log, _ sharedlog.Point) error {
		return log.Wait(ctx, 0)
	}},
	{"Last", func(ctx context.Context, log sharedlog.Log, _ sharedlog.Point) error {
		_, err := log.Last(ctx)
		return err
	}},
	{"Trim", func(ctx context.Context, log sharedlog.Log, _ sharedlog.Point) error {
		return log.Trim(ctx, 0)
	}},
	{"Report", func(ctx context.Context, log sharedlog.Log, _ sharedlog.Point) error {
		return log.Report(ctx, sharedlog.Replica{})
	}},
	{"Replicas", func(ctx context.Context, log sharedlog.Log, _ sharedlog.Point) error {
		_, err := log.Replicas(ctx)
		return err
	}},
}
