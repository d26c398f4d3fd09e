package logtest

import (
	"context"
	"errors"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

var closeRules = []rule{
	{name: "a closed client refuses calls", check: func(s *fixture) {
		points := s.fill(s.create(sharedlog.Point{}), 1)
		log := s.client()
		s.wantLast(log, points[1])
		for range 2 {
			if err := log.Close(); err != nil {
				s.Errorf("Close: %v", err)
			}
			for _, c := range calls {
				if err := c.call(s.ctx, log, points[1]); !errors.Is(err, sharedlog.ErrClosed) {
					s.Errorf("%s returned %v, want ErrClosed", c.name, err)
				}
			}
		}
		s.wantLast(s.log, points[1])
	}},
	{name: "Close ends Wait", check: func(s *fixture) {
		points := s.fill(s.create(sharedlog.Point{}), 1)
		log := s.client()
		ctx, cancel := context.WithTimeout(s.ctx, soon)
		defer cancel()
		time.AfterFunc(10*time.Millisecond, func() { log.Close() })
		for log.Wait(ctx, points[1].Index) == nil {
			time.Sleep(time.Millisecond)
		}
		if ctx.Err() != nil {
			s.Errorf("Wait did not return within %v of Close", soon)
		}
	}},
}
