package fakelog

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

// call executes a request as the adversary chooses, and returns its answer or an error. The
// request may also be executed after call has returned, or more than once.
func call[A any](ctx context.Context, c *Client, execute func(fate) (A, error)) (answer A, err error) {
	f, err := c.begin(ctx)
	if err != nil {
		return answer, err
	}
	if f == immediate {
		return execute(f)
	}
	if f.outage > 0 || c.engine.inOutage() {
		f.fault = lostRequest
	}
	answered := make(chan func() (A, error), 1)
	if f.fault != lostRequest {
		at := f.arrives
		if f.fault == lateRequest {
			at = f.again
		}
		later(at, func() {
			answer, err := execute(f)
			if f.fault == resent {
				answer, err = execute(f)
			}
			answered <- func() (A, error) { return answer, err }
		})
	}
	switch f.fault {
	case lostRequest, lostAnswer, lateRequest:
		return answer, c.fail(ctx, f)
	case repeated:
		later(f.again, func() { execute(f) })
	}
	select {
	case get := <-answered:
		if err := c.sleep(ctx, f.returns); err != nil {
			return answer, err
		}
		return get()
	case <-ctx.Done():
		return answer, context.Cause(ctx)
	case <-c.closed:
		return answer, sharedlog.ErrClosed
	}
}

// later calls f in a goroutine of its own, never at once: in a bubble of package synctest,
// several timers that expire when they are created can crash the race detector of Go 1.26.
func later(d time.Duration, f func()) { time.AfterFunc(max(d, 1), f) }

// immediate is the fate of a call without an adversary.
var immediate = fate{short: 1, keep: math.MaxUint64}

// begin returns the fate of the next call, or the error with which the call fails at once.
func (c *Client) begin(ctx context.Context) (fate, error) {
	select {
	case <-c.closed:
		return fate{}, sharedlog.ErrClosed
	default:
	}
	if ctx.Err() != nil {
		return fate{}, context.Cause(ctx)
	}
	if c.isDown() {
		return fate{}, errDown
	}
	n := c.calls.Add(1)
	adversary := c.engine.adversary.Load()
	if adversary == nil {
		return immediate, nil
	}
	f := adversary.fate(c.number, n)
	c.engine.startOutage(f)
	return f, nil
}

func (c *Client) isDown() bool { return c.down.Load() || c.engine.down.Load() }

// fail returns the error of a call whose answer does not arrive.
func (c *Client) fail(ctx context.Context, f fate) error {
	d := f.arrives + f.returns
	if f.silent {
		d = -1
	}
	if err := c.sleep(ctx, d); err != nil {
		return err
	}
	return errBroken
}

// sleep waits, forever if d is negative. It returns an error if ctx is done or the client is
// closed before.
func (c *Client) sleep(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return nil
	}
	var over <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.closed:
		return sharedlog.ErrClosed
	}
}

// extend sets the end of a storm or an outage, unless it is later.
func extend(end *atomic.Int64, to time.Duration) {
	for {
		old := end.Load()
		if old >= int64(to) || end.CompareAndSwap(old, int64(to)) {
			return
		}
	}
}

func (e *Engine) startOutage(f fate) {
	if f.outage > 0 {
		extend(&e.outageEnd, time.Since(e.start)+f.outage)
	}
}

func (e *Engine) inOutage() bool {
	return e.adversary.Load() != nil && time.Since(e.start) < time.Duration(e.outageEnd.Load())
}

// inStorm reports whether a storm refuses an append, which may start one.
func (e *Engine) inStorm(f fate) bool {
	if e.adversary.Load() == nil {
		return false
	}
	now := time.Since(e.start)
	if f.storm > 0 {
		extend(&e.stormEnd, now+f.storm)
	}
	return f.refused && now < time.Duration(e.stormEnd.Load())
}
