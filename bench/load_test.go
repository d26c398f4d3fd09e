package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// sleeper sleeps for each call of three events, and fails at call failAt.
type sleeper struct {
	takes  time.Duration
	failAt int
	calls  int
}

func (s *sleeper) call(ctx context.Context, t *tally) error {
	s.calls++
	if s.calls == s.failAt {
		return errors.New("failed")
	}
	err := sleep(ctx, s.takes)
	t.countAppended(3)
	return err
}

func TestWindowExcludesCallsBeforeAndAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := load{callers: []caller{&sleeper{takes: 7 * time.Millisecond}, &sleeper{takes: 7 * time.Millisecond}}}
		var used time.Duration
		w, err := l.run(t.Context(), 200*time.Millisecond, 705*time.Millisecond, func() (cpu, error) {
			used += time.Second
			return cpu{server: 2 * used, client: used}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		// 28 calls end before 200 ms, 129 before 905 ms, and one more after that.
		if w.elapsed != 705*time.Millisecond || w.calls != 2*101 || w.events != 6*101 || w.appended != 6*130 {
			t.Errorf("%v, %d calls, %d events, %d in all", w.elapsed, w.calls, w.events, w.appended)
		}
		if len(w.latencies) != 2*101 || w.latencies[0] != 7*time.Millisecond {
			t.Errorf("%d latencies from %v", len(w.latencies), w.latencies[0])
		}
		if w.server != 2*time.Second || w.client != time.Second {
			t.Errorf("CPU %v and %v", w.server, w.client)
		}
	})
}

func TestFailedCallEndsTheLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := load{callers: []caller{&sleeper{takes: time.Millisecond, failAt: 5}, &sleeper{takes: time.Millisecond}}}
		began := time.Now()
		_, err := l.run(t.Context(), 0, time.Hour, func() (cpu, error) { return cpu{}, nil })
		if err == nil || err.Error() != "failed" || time.Since(began) > time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestCancelledLoadEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		l := load{callers: []caller{&sleeper{takes: time.Millisecond}}}
		_, err := l.run(ctx, 0, time.Hour, func() (cpu, error) { return cpu{}, nil })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}
