package logtest_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/logtest"
)

const naiveMaxRecord = 1 << 20

// naive is a simple shared log, in which bugs can be planted.
type naive struct {
	mu       sync.Mutex
	origin   *sharedlog.Origin
	records  map[uint64][]byte
	last     sharedlog.Point
	answered sharedlog.Point // for a bug
	trimmed  uint64
	replicas map[sharedlog.ID]time.Time
	reports  map[sharedlog.ID]sharedlog.Replica
}

func (n *naive) create(origin sharedlog.Origin) {
	n.origin, n.last, n.trimmed = &origin, origin.Point, origin.Point.Index
}

// put stores a record without a comparison.
func (n *naive) put(index, chain uint64, record []byte) {
	n.records[index] = bytes.Clone(record)
	n.last = sharedlog.Point{Index: index, Chain: chain}
}

// client is a client of a naive log with a bug.
type client struct {
	*naive
	bug    bug
	closed chan struct{}
	end    sync.Once

	// For bugs that remember something of a client.
	calls    int
	appended []uint64
	known    sharedlog.Point
}

// open returns a logtest.Opener of a log with the bug.
func (b bug) open(logtest.T) func() sharedlog.Log {
	n := &naive{records: map[uint64][]byte{}, replicas: map[sharedlog.ID]time.Time{}, reports: map[sharedlog.ID]sharedlog.Replica{}}
	return func() sharedlog.Log { return &client{naive: n, bug: b, closed: make(chan struct{})} }
}

// begin locks the log, unless the call has to fail.
func (c *client) begin(ctx context.Context) error {
	select {
	case <-c.closed:
		if !c.bug.usableAfterClose {
			return sharedlog.ErrClosed
		}
	default:
	}
	if ctx.Err() != nil && !c.bug.ignoresContexts {
		return ctx.Err()
	}
	c.mu.Lock()
	return nil
}

// ready is begin, and fails if there is no log.
func (c *client) ready(ctx context.Context) error {
	if err := c.begin(ctx); err != nil {
		return err
	}
	if c.origin == nil && c.bug.createsLogs {
		c.create(sharedlog.Origin{})
	}
	if c.origin == nil {
		c.mu.Unlock()
		return sharedlog.ErrNoLog
	}
	return nil
}

func (c *client) Create(ctx context.Context, origin sharedlog.Origin) (sharedlog.Origin, error) {
	if err := c.begin(ctx); err != nil {
		return sharedlog.Origin{}, err
	}
	defer c.mu.Unlock()
	if c.bug.create != nil {
		return c.bug.create(c, origin)
	}
	if c.origin == nil {
		c.create(origin)
	}
	return *c.origin, nil
}

func (c *client) Origin(ctx context.Context) (sharedlog.Origin, error) {
	if err := c.ready(ctx); err != nil {
		return sharedlog.Origin{}, err
	}
	defer c.mu.Unlock()
	return *c.origin, nil
}

func (c *client) Append(ctx context.Context, after sharedlog.Point, chain uint64, record []byte) error {
	if err := c.ready(ctx); err != nil {
		return err
	}
	defer c.mu.Unlock()
	a := appending{ctx, after, chain, record}
	if c.bug.append != nil {
		return c.bug.append(c, a)
	}
	return a.to(c)
}

// appending contains the arguments of Append.
type appending struct {
	ctx    context.Context
	after  sharedlog.Point
	chain  uint64
	record []byte
}

func (a appending) to(c *client) error {
	switch {
	case len(a.record) > naiveMaxRecord:
		return sharedlog.ErrTooLarge
	case c.last != a.after:
		return sharedlog.ErrConflict
	}
	c.put(a.after.Index+1, a.chain, a.record)
	return nil
}

func (c *client) Read(ctx context.Context, from uint64) ([]sharedlog.Record, error) {
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	defer c.mu.Unlock()
	if c.bug.read != nil {
		return c.bug.read(c, from)
	}
	return c.readFrom(from)
}

func (n *naive) readFrom(from uint64) (found []sharedlog.Record, err error) {
	if from <= n.trimmed {
		return nil, sharedlog.ErrTrimmed
	}
	size := 0
	for ; n.records[from] != nil && len(found) < sharedlog.ReadRecords && size < sharedlog.ReadBytes; from++ {
		found = append(found, sharedlog.Record{Index: from, Bytes: bytes.Clone(n.records[from])})
		size += len(n.records[from])
	}
	return found, nil
}

func (c *client) Wait(ctx context.Context, after uint64) error {
	if c.bug.wait != nil {
		return c.bug.wait(c, ctx)
	}
	for {
		if err := c.begin(ctx); err != nil {
			return err
		}
		last := c.last.Index
		c.mu.Unlock()
		if last > after {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
}

func (c *client) Last(ctx context.Context) (sharedlog.Point, error) {
	if err := c.ready(ctx); err != nil {
		return sharedlog.Point{}, err
	}
	defer c.mu.Unlock()
	if c.bug.last != nil {
		return c.bug.last(c), nil
	}
	return c.last, nil
}

func (c *client) Trim(ctx context.Context, through uint64) error {
	if err := c.ready(ctx); err != nil {
		return err
	}
	defer c.mu.Unlock()
	if c.bug.trim != nil {
		c.bug.trim(c, through)
		return nil
	}
	c.trimmed = max(c.trimmed, min(through, c.last.Index))
	return nil
}

func (c *client) Report(ctx context.Context, replica sharedlog.Replica) error {
	if err := c.ready(ctx); err != nil {
		return err
	}
	defer c.mu.Unlock()
	if c.bug.report != nil {
		replica = c.bug.report(c, replica)
	}
	c.replicas[replica.ID], c.reports[replica.ID] = time.Now(), replica
	return nil
}

func (c *client) Replicas(ctx context.Context) (listed []sharedlog.Replica, err error) {
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	defer c.mu.Unlock()
	ttl := sharedlog.ReportTTL
	if c.bug.ttl != 0 {
		ttl = c.bug.ttl
	}
	for id, at := range c.replicas {
		if time.Since(at) < ttl {
			listed = append(listed, c.reports[id])
		}
	}
	return listed, nil
}

func (c *client) MaxRecord() int { return naiveMaxRecord }

func (c *client) Close() error {
	first := false
	c.end.Do(func() {
		close(c.closed)
		first = true
	})
	if !first && c.bug.closesOnce {
		return errors.New("closed twice")
	}
	if first && c.bug.close != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.bug.close(c)
	}
	return nil
}
