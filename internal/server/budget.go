package server

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// budgetKind is what the memory of a budget is used for.
type budgetKind int

const (
	ofRequests      budgetKind = iota // their bytes, while they are received and handled
	ofQueries                         // parsed, of reads and append conditions
	ofSubscriptions                   // parsed, of subscriptions
	ofResponses                       // messages that no client has taken
	budgetKinds
)

// pool is the part of a budget for small amounts, or for all others.
type pool int

const (
	smallPool pool = iota
	largePool
	pools
)

// shares are what one connection has of the budgets.
type shares [budgetKinds][pools]share

// budget bounds memory that calls use. A part of it is for small amounts only.
type budget struct {
	kind    budgetKind
	of      string // what it is a budget of, for errors
	small   int64  // the largest amount that is small
	pools   [pools]capacity
	waiting atomic.Int64 // calls that wait
	short   atomic.Bool  // a call has found too little since this was last reset
	// waitersHold reports that calls which wait hold memory that the budget does not
	// count. Then at most maxWaiting may wait.
	waitersHold bool
	patience    time.Duration // how long a call waits
	pressed     func()        // called when a call finds too little; may be nil
}

// newBudget returns a budget of bytes, and of at least one large amount. If small is 0,
// no part of it is for small amounts only.
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

// reservation is memory that a call has reserved. The zero value is that of a call that
// has reserved none.
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

// reserve reserves bytes for a call from a pool. It fails with RESOURCE_EXHAUSTED
// if there is no room in time.
func (b *budget) reserve(ctx context.Context, c *connection, p pool, bytes int64) (reservation, error) {
	r := reservation{budget: b, connection: c, pool: p}
	err := r.resize(ctx, bytes)
	return r, err
}

// tryReserve reserves bytes from a pool if that is possible at once.
func (b *budget) tryReserve(c *connection, p pool, bytes int64) (reservation, bool) {
	if !b.pools[p].tryTake(&c.shares[b.kind][p], 0, bytes) {
		return reservation{}, false
	}
	return reservation{budget: b, connection: c, pool: p, bytes: bytes}, true
}

// resize changes the size of a reservation to bytes. A reservation stays in its pool. If
// it is larger than the pool, it takes the whole pool. If resize fails, the reservation
// is unchanged.
func (r *reservation) resize(ctx context.Context, bytes int64) error {
	b, pool := r.budget, &r.budget.pools[r.pool]
	own := &r.connection.shares[b.kind][r.pool]
	held := min(r.bytes, pool.size)
	more := min(bytes, pool.size) - held
	switch {
	case more < 0:
		pool.release(own, -more)
	case more > 0:
		if err := pool.take(own, held, more, b.waitIn(ctx)); err != nil {
			return b.refusal(ctx, pool.size, bytes)
		}
	}
	r.bytes = bytes
	return nil
}

// moveTo reserves the same from another budget, and releases this reservation.
func (r *reservation) moveTo(ctx context.Context, b *budget) (reservation, error) {
	if r.bytes == 0 {
		return *r, nil
	}
	moved, err := b.reserve(ctx, r.connection, r.pool, r.bytes)
	r.release()
	return moved, err
}

// release releases what is reserved. It may be called again.
func (r *reservation) release() {
	if r.bytes > 0 {
		_ = r.resize(context.Background(), 0)
	}
}

// waitIn returns the function that a claim calls before it waits. The function returns
// the context to wait with, or an error if too many calls wait.
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

// press notes that a call has found too little.
func (b *budget) press() {
	b.short.Store(true)
	if b.pressed != nil {
		b.pressed()
	}
}

// isShort reports whether at most a quarter is left of large amounts, and calls have found too
// little since it was last called, or wait.
func (b *budget) isShort() bool {
	wanted := b.short.Swap(false) || b.waiting.Load() > 0
	return wanted && b.pools[largePool].quarters() >= 3
}

var errManyWait = errors.New("too many calls wait")

// refusal returns the error of a call that could not reserve memory: that of ctx, if it
// is done.
func (b *budget) refusal(ctx context.Context, bound, bytes int64) error {
	if err := ctx.Err(); err != nil {
		return status.FromContextError(err).Err()
	}
	return &exhausted{status.Newf(codes.ResourceExhausted, "there is no memory for %d bytes of %s: the bound of the server is %d bytes, of which each connection has a share; try again later", bytes, b.of, bound)}
}

// exhausted is the error of a call that is refused for lack of memory.
type exhausted struct{ status *status.Status }

// Error returns the text of the status.
func (e *exhausted) Error() string { return e.status.Err().Error() }

// GRPCStatus returns the status. Package status calls it.
func (e *exhausted) GRPCStatus() *status.Status { return e.status }
