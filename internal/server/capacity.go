package server

import (
	"context"
	"slices"
	"sync"
)

// capacity is an amount of memory that connections share. A quarter of it is reserved for
// connections with a single reservation, which may have any size. A connection with more
// reservations may use a third of what is left of the other three quarters: the more
// connections there are, the less each may use, and never a quarter of the whole. So a
// few connections cannot use all memory. Of the connections that wait, the one that uses
// least is served first. In addition each connection owns some memory that it always
// gets.
type capacity struct {
	size int64
	own  int64 // bytes that each connection owns, in addition to size

	mu      sync.Mutex
	used    int64    // guarded by mu
	waiting []*share // guarded by mu; those with claims, in the order of their first claims
}

// inUse returns the bytes that are used.
func (r *capacity) inUse() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.used
}

// share is the part of a capacity that one connection uses.
type share struct {
	used   int64    // guarded by capacity.mu
	claims []*claim // guarded by capacity.mu; the claims that wait, in order
}

// claim is a request to enlarge a reservation of held bytes by more bytes.
type claim struct {
	held, more int64
	granted    chan struct{} // closed when it is granted
}

// acquire enlarges a reservation of held bytes by more bytes; more must be positive. If
// that is not possible at once, acquire calls wait, and waits at most until the context
// that wait returns is done.
func (r *capacity) acquire(s *share, held, more int64, wait func() (context.Context, context.CancelFunc, error)) error {
	if r.tryAcquire(s, held, more) {
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

// tryAcquire enlarges a reservation like acquire if that is possible at once, and reports
// whether it was.
func (r *capacity) tryAcquire(s *share, held, more int64) bool {
	c := claim{held: held, more: more}
	r.mu.Lock()
	defer r.mu.Unlock()
	fits := r.owns(s, &c) || len(s.claims) == 0 && r.comesFirst(s) && r.fits(s, &c)
	if fits {
		r.grant(s, &c)
		r.grantNext() // the share may no longer be the one that uses least
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

// quarters returns the number of quarters of the capacity that are in use, rounded down.
func (r *capacity) quarters() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return 4 * r.used / r.size
}

// withdraw removes a claim, unless it has been granted in the meantime.
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

// fits reports whether there is enough memory for a claim. The caller must hold mu.
func (r *capacity) fits(s *share, c *claim) bool {
	left := r.size - r.used - c.more
	return left >= 0 && (s.used == c.held || s.used+c.more <= shareOf(left, r.size))
}

// owns reports whether a connection owns the memory that it claims. The caller must hold mu.
func (r *capacity) owns(s *share, c *claim) bool { return s.used+c.more <= r.own }

// shareOf returns how much of a bound a connection may use if left is left of it.
func shareOf(left, bound int64) int64 { return (left - bound/4) / 3 }

// comesFirst reports whether a share uses less than each share that waits. The caller
// must hold mu.
func (r *capacity) comesFirst(s *share) bool {
	return !slices.ContainsFunc(r.waiting, func(other *share) bool { return other.used <= s.used })
}

// grantNext grants claims as long as the next one fits. The caller must hold mu.
func (r *capacity) grantNext() {
	for len(r.waiting) > 0 {
		s, i := r.next()
		c := s.claims[i]
		if !r.owns(s, c) && !r.fits(s, c) {
			return
		}
		r.drop(s, i)
		r.grant(s, c)
		close(c.granted)
	}
}

// next returns the share that is served next, and the index of the claim. A claim of
// memory that its connection owns comes first, even if the connection waits for more with
// an earlier claim. The caller must hold mu.
func (r *capacity) next() (*share, int) {
	next := r.waiting[0]
	for _, s := range r.waiting {
		if s.used < r.own {
			if i := slices.IndexFunc(s.claims, func(c *claim) bool { return r.owns(s, c) }); i >= 0 {
				return s, i
			}
		}
		if s.used < next.used {
			next = s
		}
	}
	return next, 0
}

// grant adds a claim to its share. The caller must hold mu.
func (r *capacity) grant(s *share, c *claim) {
	s.used += c.more
	r.used += c.more
}

// drop removes claim i of a share. The caller must hold mu.
func (r *capacity) drop(s *share, i int) {
	s.claims = slices.Delete(s.claims, i, i+1)
	if len(s.claims) == 0 {
		r.waiting = slices.DeleteFunc(r.waiting, func(other *share) bool { return other == s })
	}
}
