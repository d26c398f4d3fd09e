package fakelog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

var (
	errBroken = errors.New("the connection to the fake engine is broken")
	errDown   = errors.New("the fake engine is down")
)

// Client is a connection to an engine. It implements sharedlog.Log.
type Client struct {
	engine *Engine
	number uint64
	calls  atomic.Uint64
	down   atomic.Bool

	closing sync.Once
	closed  chan struct{}
}

var _ sharedlog.Log = (*Client)(nil)

// SetDown sets whether the client is cut off from the engine. It has the effect of
// Engine.SetDown, for this client.
func (c *Client) SetDown(down bool) {
	c.down.Store(down)
	c.engine.state.wake()
}

// Create implements sharedlog.Log.
func (c *Client) Create(ctx context.Context, origin sharedlog.Origin) (sharedlog.Origin, error) {
	return call(ctx, c, func(fate) (sharedlog.Origin, error) { return c.engine.state.create(origin) })
}

// Origin implements sharedlog.Log.
func (c *Client) Origin(ctx context.Context) (sharedlog.Origin, error) {
	return call(ctx, c, func(fate) (sharedlog.Origin, error) { return c.engine.state.getOrigin() })
}

// Append implements sharedlog.Log.
func (c *Client) Append(ctx context.Context, after sharedlog.Point, chain uint64, record []byte) error {
	if len(record) > c.engine.maxRecord {
		return fmt.Errorf("%w: %d bytes, over %d", sharedlog.ErrTooLarge, len(record), c.engine.maxRecord)
	}
	record = bytes.Clone(record) // the request may be executed after the call
	_, err := call(ctx, c, func(f fate) (struct{}, error) {
		if c.engine.inStorm(f) {
			return struct{}{}, sharedlog.ErrConflict
		}
		return struct{}{}, c.engine.state.append(after, chain, record, f.keep)
	})
	return err
}

// Read implements sharedlog.Log.
func (c *Client) Read(ctx context.Context, from uint64) ([]sharedlog.Record, error) {
	return call(ctx, c, func(f fate) ([]sharedlog.Record, error) {
		records, err := c.engine.state.read(from)
		return records[:int(f.short*float64(len(records)))], err
	})
}

// Wait implements sharedlog.Log.
func (c *Client) Wait(ctx context.Context, after uint64) error {
	f, err := c.begin(ctx)
	switch {
	case err != nil:
		return err
	case f.wait == silentWait:
		return c.sleep(ctx, -1)
	case f.wait == earlyWait:
		return c.sleep(ctx, max(f.arrives+f.returns, 10*time.Millisecond))
	case f.fault == lostRequest, f.fault == lostAnswer:
		return c.fail(ctx, f)
	}
	for {
		last, changed := c.engine.state.wait()
		if last > after && !c.isDown() {
			return c.sleep(ctx, f.returns)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-c.closed:
			return sharedlog.ErrClosed
		}
	}
}

// Last implements sharedlog.Log.
func (c *Client) Last(ctx context.Context) (sharedlog.Point, error) {
	last, err := call(ctx, c, func(f fate) (slowly[sharedlog.Point], error) {
		last, err := c.engine.state.getLast()
		return slowly[sharedlog.Point]{last, f.slow}, err
	})
	if err == nil {
		err = c.sleep(ctx, last.after)
	}
	return last.value, err
}

// slowly is an answer that arrives later.
type slowly[A any] struct {
	value A
	after time.Duration
}

// Trim implements sharedlog.Log.
func (c *Client) Trim(ctx context.Context, through uint64) error {
	_, err := call(ctx, c, func(fate) (struct{}, error) { return struct{}{}, c.engine.state.trim(through) })
	return err
}

// Report implements sharedlog.Log.
func (c *Client) Report(ctx context.Context, replica sharedlog.Replica) error {
	_, err := call(ctx, c, func(fate) (struct{}, error) {
		c.engine.state.report(replica)
		return struct{}{}, nil
	})
	return err
}

// Replicas implements sharedlog.Log.
func (c *Client) Replicas(ctx context.Context) ([]sharedlog.Replica, error) {
	return call(ctx, c, func(fate) ([]sharedlog.Replica, error) { return c.engine.state.listed(), nil })
}

// MaxRecord implements sharedlog.Log.
func (c *Client) MaxRecord() int { return c.engine.maxRecord }

// Close implements sharedlog.Log. Requests in flight may still be executed.
func (c *Client) Close() error {
	c.closing.Do(func() { close(c.closed) })
	return nil
}
