package server

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// capacityRun is a capacity with the reservations of each connection.
type capacityRun struct {
	*testing.T
	capacity *capacity
	shares   []share

	mu      sync.Mutex
	held    [][]int64 // by share; guarded by mu
	waiting []int     // number of claims, by share; guarded by mu
}

// check checks what must hold when nothing moves: the counters are right, and no claim
// waits that could be granted.
func (r *capacityRun) check() {
	r.Helper()
	c := r.capacity
	r.mu.Lock()
	defer r.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	total, waiting := int64(0), 0
	for i := range r.shares {
		s, used := &r.shares[i], int64(0)
		for _, bytes := range r.held[i] {
			used += bytes
		}
		if s.used != used || len(s.claims) != r.waiting[i] {
			r.Fatalf("share %d uses %d and has %d claims, want %d and %d", i, s.used, len(s.claims), used, r.waiting[i])
		}
		for _, waits := range s.claims {
			if c.owns(s, waits) {
				r.Fatalf("share %d waits for %d bytes that it owns", i, waits.more)
			}
		}
		if total += used; len(s.claims) > 0 {
			waiting++
		}
	}
	if c.used != total || len(c.waiting) != waiting {
		r.Fatalf("%d bytes are used and %d shares wait, want %d and %d", c.used, len(c.waiting), total, waiting)
	}
	if len(c.waiting) > 0 {
		if s, i := c.next(); c.fits(s, s.claims[i]) {
			r.Fatalf("a claim of %d bytes waits, and it fits", s.claims[i].more)
		}
	}
	if over := c.used - c.size - c.own*int64(len(r.shares)); over > 0 {
		r.Fatalf("%d bytes too many are used", over)
	}
}

// acquire makes a new reservation, which waits at most for patience.
func (r *capacityRun) acquire(i int, bytes int64, patience time.Duration) {
	r.mu.Lock()
	r.waiting[i]++
	r.mu.Unlock()
	go func() {
		err := r.capacity.acquireFor(&r.shares[i], bytes, patience)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.waiting[i]--
		if err == nil {
			r.held[i] = append(r.held[i], bytes)
		}
	}()
	synctest.Wait()
}

// release releases a reservation of a share, and reports whether it has one.
func (r *capacityRun) release(i int, chance *rand.Rand) bool {
	r.mu.Lock()
	if len(r.held[i]) == 0 {
		r.mu.Unlock()
		return false
	}
	n := chance.IntN(len(r.held[i]))
	bytes := r.held[i][n]
	r.held[i] = append(r.held[i][:n:n], r.held[i][n+1:]...)
	r.mu.Unlock()
	r.capacity.release(&r.shares[i], bytes)
	synctest.Wait()
	return true
}

func TestCapacityGrantsWhatFits(t *testing.T) {
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			chance := rand.New(rand.NewPCG(seed, 0))
			shares := 1 + chance.IntN(6)
			r := &capacityRun{
				T:        t,
				capacity: &capacity{size: 100, own: chance.Int64N(2) * 10},
				shares:   make([]share, shares), held: make([][]int64, shares), waiting: make([]int, shares),
			}
			for range 300 {
				i := chance.IntN(shares)
				switch chance.IntN(4) {
				case 0, 1:
					r.acquire(i, 1+chance.Int64N([]int64{10, 40, 100}[chance.IntN(3)]), time.Duration(chance.IntN(1000))*time.Millisecond)
				case 2:
					time.Sleep(time.Duration(chance.IntN(300)) * time.Millisecond)
				default:
					r.release(i, chance)
				}
				synctest.Wait()
				r.check()
			}
			time.Sleep(time.Second) // no claim waits any longer
			for i := range shares {
				for r.release(i, chance) {
				}
			}
			r.check()
			if r.capacity.used != 0 {
				t.Fatalf("%d bytes are still used", r.capacity.used)
			}
		})
	}
}
