package server

import (
	"context"
	"slices"
	"sync"
)

// capacity is an amount of memory that connections share. A quarter of it is for those
// that have one reservation, which may be of any size. With more, a connection may have
// a third of what is left of the other three quarters: less the more others there are,
// and never a quarter. So a few connections cannot take all. Of those that wait, the
// one comes first that has least. What a connection owns it always gets, though all may
// be in use.
type capacity struct {
	size int64
	own  int64 // bytes that each connection owns, beside size

	mu      sync.Mutex
	used    int64    // guarded by mu
	waiting []*share // guarded by mu; those with claims, in the order of their first claims
}

// share is what one connection has of a capacity.
type share struct {
	used   int64    // guarded by capacity.mu
	claims []*claim // guarded by capacity.mu; those that wait, in their order
}

// claim is a request to make a reservation larger.
type claim struct {
	held, more int64
	granted    chan struct{} // closed when it is granted
}

// take makes a reservation of held bytes larger by more, which is above 0. If that is not
// possible at once, it calls wait, and waits until the context that wait returns is done.
func (r *capacity) take(s *share, held, more int64, wait func() (context.Context, context.CancelFunc, error)) error {
	if r.tryTake(s, held, more) {
		return nil
	}
	ctx, done, err := wait()
	if err != nil {
		return err
	}
	defer done()
	c := &claim{held: held, more: more, granted: make(chan struct{})}
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

// tryTake is take, but does not wait. It reports whether the reservation is larger now.
func (r *capacity) tryTake(s *share, held, more int64) bool {
	c := claim{held: held, more: more}
	r.mu.Lock()
	defer r.mu.Unlock()
	fits := r.owns(s, &c) || len(s.claims) == 0 && r.comesFirst(s) && r.fits(s, &c)
	if fits {
		r.grant(s, &c)
	}
	return fits
}

// release returns bytes of a share.
func (r *capacity) release(s *share, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.used -= bytes
	r.used -= bytes
	r.grantNext()
}

// quarters returns how many quarters of the capacity are in use, rounded down.
func (r *capacity) quarters() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return 4 * r.used / r.size
}

// withdraw removes a claim, unless it has been granted by now.
func (r *capacity) withdraw(ctx context.Context, s *share, c *claim) error {
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

// fits reports whether there is enough for a claim now. The caller must hold mu.
func (r *capacity) fits(s *share, c *claim) bool {
	left := r.size - r.used - c.more
	return left >= 0 && (s.used == c.held || s.used+c.more <= shareOf(left, r.size))
}

// owns reports whether a connection owns what it claims. The caller must hold mu.
func (r *capacity) owns(s *share, c *claim) bool { return s.used+c.more <= r.own }

// shareOf returns what a connection may have of a bound, if so much is left of it.
func shareOf(left, bound int64) int64 { return (left - bound/4) / 3 }

// comesFirst reports whether a share has less than each of those that wait. The caller
// must hold mu.
func (r *capacity) comesFirst(s *share) bool {
	return !slices.ContainsFunc(r.waiting, func(other *share) bool { return other.used <= s.used })
}

// grantNext grants claims as long as the next one fits. The caller must hold mu.
func (r *capacity) grantNext() {
	for len(r.waiting) > 0 {
		next := r.waiting[0]
		for _, s := range r.waiting {
			if s.used < next.used {
				next = s
			}
			if r.owns(s, s.claims[0]) {
				next = s
				break
			}
		}
		c := next.claims[0]
		if !r.owns(next, c) && !r.fits(next, c) {
			return
		}
		r.drop(next, 0)
		r.grant(next, c)
		close(c.granted)
	}
}

// grant adds a claim to its share. The caller must hold mu.
func (r *capacity) grant(s *share, c *claim) {
	s.used += c.more
	r.used += c.more
}

// drop removes a claim from those that wait. The caller must hold mu.
func (r *capacity) drop(s *share, i int) {
	s.claims = slices.Delete(s.claims, i, i+1)
	if len(s.claims) == 0 {
		r.waiting = slices.DeleteFunc(r.waiting, func(other *share) bool { return other == s })
	}
}
