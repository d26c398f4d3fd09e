package server

import (
	"context"
	"slices"
	"sync"
)

// room is an amount of memory that connections share. A quarter of it is for those
// that have one reservation, which may be of any size. With more, a connection may have
// a third of what is left of the other three quarters: less the more others there are,
// and never a quarter. So a few connections cannot take all. Of those that wait, the
// one comes first that has least.
type room struct {
	size int64

	mu      sync.Mutex
	used    int64    // guarded by mu
	waiting []*share // guarded by mu; those that have claims, in the order of their first
}

// share is what one connection has of a room.
type share struct {
	used   int64    // guarded by room.mu
	claims []*claim // guarded by room.mu; those that wait, in their order
}

// claim is a reservation that is to be larger.
type claim struct {
	held, more int64
	granted    chan struct{} // closed when it is granted
}

// take makes a reservation of held bytes larger by more, which is above 0. It waits
// until ctx is done, with the error of the context.
func (r *room) take(ctx context.Context, s *share, held, more int64, wait func() (context.Context, context.CancelFunc, error)) error {
	c := &claim{held: held, more: more}
	r.mu.Lock()
	if len(s.claims) == 0 && r.comesFirst(s) && r.fits(s, c) {
		r.grant(s, c)
		r.mu.Unlock()
		return nil
	}
	r.mu.Unlock()

	ctx, done, err := wait()
	if err != nil {
		return err
	}
	defer done()
	c.granted = make(chan struct{})
	r.mu.Lock()
	if len(s.claims) == 0 {
		r.waiting = append(r.waiting, s)
	}
	s.claims = append(s.claims, c)
	r.grantNext()
	r.mu.Unlock()
	select {
	case <-c.granted:
		return nil
	case <-ctx.Done():
		return r.withdraw(ctx, s, c)
	}
}

// release returns bytes of a share.
func (r *room) release(s *share, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.used -= bytes
	r.used -= bytes
	r.grantNext()
}

// quarters returns how many quarters of the room are in use, rounded down.
func (r *room) quarters() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return 4 * r.used / r.size
}

// withdraw takes back a claim, unless it has been granted meanwhile.
func (r *room) withdraw(ctx context.Context, s *share, c *claim) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-c.granted:
		return nil
	default:
	}
	r.drop(s, slices.Index(s.claims, c))
	r.grantNext()
	return ctx.Err()
}

// fits reports whether a claim can be granted now. The caller must hold mu.
func (r *room) fits(s *share, c *claim) bool {
	left := r.size - r.used - c.more
	return left >= 0 && (s.used == c.held || s.used+c.more <= shareOf(left, r.size))
}

// shareOf returns what a connection may have of a bound, if so much is left of it.
func shareOf(left, bound int64) int64 { return (left - bound/4) / 3 }

// comesFirst reports whether none of those that wait has less than a share has. The
// caller must hold mu.
func (r *room) comesFirst(s *share) bool {
	return !slices.ContainsFunc(r.waiting, func(other *share) bool { return other.used <= s.used })
}

// grantNext grants claims as long as the next one fits. The caller must hold mu.
func (r *room) grantNext() {
	for len(r.waiting) > 0 {
		next := r.waiting[0]
		for _, s := range r.waiting[1:] {
			if s.used < next.used {
				next = s
			}
		}
		c := next.claims[0]
		if !r.fits(next, c) {
			return
		}
		r.drop(next, 0)
		r.grant(next, c)
		close(c.granted)
	}
}

// grant gives a share what it claims. The caller must hold mu.
func (r *room) grant(s *share, c *claim) {
	s.used += c.more
	r.used += c.more
}

// drop takes a claim out of those that wait. The caller must hold mu.
func (r *room) drop(s *share, i int) {
	s.claims = slices.Delete(s.claims, i, i+1)
	if len(s.claims) == 0 {
		r.waiting = slices.DeleteFunc(r.waiting, func(other *share) bool { return other == s })
	}
}
