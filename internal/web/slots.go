package web

import (
	"net/http"
	"sync"
)

// maxOpen is the maximum number of requests without a key in progress on one connection. There is no
// number for all connections, which clients without a key could use up: the oldest of such connections
// is closed for a new one.
const maxOpen = 16

// slots bound what requests use: the sum, and what those with one key use. Requests without a key are
// bounded by the sum alone: where no key is required, one user may have many pages open.
type slots struct {
	most, each int64

	mu    sync.Mutex
	used  int64            // guarded by mu
	byKey map[string]int64 // guarded by mu
}

// newSlots returns slots of which one key can use a quarter.
func newSlots(most int64) *slots {
	return &slots{most: most, each: most / 4, byKey: map[string]int64{}}
}

// claim claims n slots for a request with a key, which may be empty.
func (s *slots) claim(key string, n int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used+n > s.most {
		return errBusy
	}
	if key != "" {
		if s.byKey[key]+n > s.each {
			return errShare
		}
		s.byKey[key] += n
	}
	s.used += n
	return nil
}

func (s *slots) release(key string, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= n
	if key != "" {
		if s.byKey[key] -= n; s.byKey[key] == 0 {
			delete(s.byKey, key)
		}
	}
}

// enter claims the slot of a request, whose body has arrived, unless it has the slot.
func (b *Backend) enter() error {
	if b.entered {
		return nil
	}
	if err := b.slots.claim(b.key, 1); err != nil {
		return err
	}
	b.entered = true
	return nil
}

// leave releases the slot of a request, if it has one.
func (b *Backend) leave() {
	if b.entered {
		b.slots.release(b.key, 1)
	}
}

// claimOpen claims a slot of the connection for a request without a key.
func claimOpen(r *http.Request) (release func(), err error) {
	conn, is := r.Context().Value(connectionKey{}).(*connection)
	if !is {
		return func() {}, nil
	}
	if conn.requests.Add(1) > maxOpen {
		conn.requests.Add(-1)
		return nil, errBusy
	}
	return func() { conn.requests.Add(-1) }, nil
}
