package server

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/status"
)

// budgetKind is what the memory of a budget is used for.
type budgetKind int

const (
	ofRequests      budgetKind = iota // their bytes, while they are received and handled
	ofQueries                         // parsed, of reads and append conditions
	ofSubscriptions                   // parsed, of subscriptions
	ofResponses                       // messages that clients have not read
	budgetKinds
)

// pool is the part of a budget for small amounts or for all other amounts.
type pool int

const (
	smallPool pool = iota
	largePool
	pools
)

// shares are the parts of the budgets that one connection uses.
type shares [budgetKinds][pools]share

// budget bounds the memory that calls use. A part of it is reserved for small amounts.
type budget struct {
	kind    budgetKind
	of      string // what the memory is used for, for errors
	small   int64  // the largest small amount in bytes
	pools   [pools]capacity
	waiting atomic.Int64 // number of calls that wait
	short   atomic.Bool  // a call did not find enough since this was last reset
	// waitersHold is set if calls that wait hold memory that the budget does not count.
	// In this case at most maxWaiting calls may wait.
	waitersHold bool
	patience    time.Duration // how long a call waits
	pressed     func()        // called when a call does not find enough; may be nil
}

// newBudget returns a budget of the given bytes, which is enlarged to contain one large
// amount. If small is 0, no part of it is reserved for small amounts.
func newBudget(kind budgetKind, of string, bytes, small, large int64) *budget {
	b := &budget{kind: kind, of: of, small: small, patience: budgetWait}
	if small > 0 {
		b.pools[smallPool].size = max(bytes/smallReserve, small)
	}
	b.pools[largePool].size = max(bytes-b.pools[smallPool].size, large)
	return b
}

// size returns the size of the whole budget in bytes.
func (b *budget) size() int64 { return b.pools[smallPool].size + b.pools[largePool].size }

// reservation is memory that a call has reserved. The zero value is an empty reservation.
type reservation struct {
	budget     *budget
	connection *connection
	pool       pool
	bytes      int64
}

// poolOf returns the pool that an amount belongs to.
func (b *budget) poolOf(bytes int64) pool {
	if bytes <= b.small {
		return smallPool
	}
	return largePool
}

// reserve reserves bytes from a pool for a call. It fails with RESOURCE_EXHAUSTED if there
// is not enough memory in time.
func (b *budget) reserve(ctx context.Context, c *connection, p pool, bytes int64) (reservation, error) {
	r := reservation{budget: b, connection: c, pool: p}
	err := r.resize(ctx, bytes)
	return r, err
}

// tryReserve reserves bytes from a pool if that is possible at once.
func (b *budget) tryReserve(c *connection, p pool, bytes int64) (reservation, bool) {
	if !b.pools[p].tryAcquire(&c.shares[b.kind][p], 0, bytes) {
		return reservation{}, false
	}
	return reservation{budget: b, connection: c, pool: p, bytes: bytes}, true
}

// resize changes the size of a reservation to bytes. The reservation stays in its pool. If
// it is larger than the pool, it uses the whole pool. If resize fails, the reservation is
// unchanged.
func (r *reservation) resize(ctx context.Context, bytes int64) error {
	b, pool := r.budget, &r.budget.pools[r.pool]
	own := &r.connection.shares[b.kind][r.pool]
	held := min(r.bytes, pool.size)
	more := min(bytes, pool.size) - held
	switch {
	case more < 0:
		pool.release(own, -more)
	case more > 0:
		if err := pool.acquire(own, held, more, b.waitIn(ctx)); err != nil {
			return b.refusal(ctx, pool.size, bytes)
		}
	}
	r.bytes = bytes
	return nil
}

// moveTo reserves the same bytes from another budget, and releases this reservation.
func (r *reservation) moveTo(ctx context.Context, b *budget) (reservation, error) {
	if r.bytes == 0 {
		return *r, nil
	}
	moved, err := b.reserve(ctx, r.connection, r.pool, r.bytes)
	r.release()
	return moved, err
}

// release releases the reserved memory. It may be called again.
func (r *reservation) release() {
	if r.bytes > 0 {
		_ = r.resize(context.Background(), 0)
	}
}

// waitIn returns the function that capacity.acquire calls before it waits. The function
// returns the context to wait with, or an error if too many calls wait.
func (b *budget) waitIn(ctx context.Context) func() (context.Context, context.CancelFunc, error) {
	return func() (context.Context, context.CancelFunc, error) {
		if b.waiting.Add(1) > maxWaiting && b.waitersHold {
			b.waiting.Add(-1)
			return nil, nil, errManyWait
		}
		b.press()
		ctx, cancel := context.WithTimeout(ctx, b.patience)
		return ctx, func() { cancel(); b.waiting.Add(-1) }, nil
	}
}

// press records that a call did not find enough memory.
func (b *budget) press() {
	b.short.Store(true)
	if b.pressed != nil {
		b.pressed()
	}
}

// isShort reports whether at most a quarter of the memory for large amounts is left, and
// calls wait or did not find enough since isShort was last called.
func (b *budget) isShort() bool {
	wanted := b.short.Swap(false) || b.waiting.Load() > 0
	return wanted && b.pools[largePool].quarters() >= 3
}

var errManyWait = errors.New("too many calls wait")

// refusal returns the error of a call that could not reserve memory, which is the error of
// ctx if that is done.
func (b *budget) refusal(ctx context.Context, bound, bytes int64) error {
	if err := ctx.Err(); err != nil {
		return status.FromContextError(err).Err()
	}
	return refuse(refusedMemory, "not enough memory for %d bytes of %s: the server's limit is %d bytes, of which each connection gets a share; try again later", bytes, b.of, bound)
}
