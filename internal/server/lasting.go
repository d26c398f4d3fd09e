package server

import (
	"sync"

	"github.com/umadb-go/umadb/internal/wire"
)

// lastingCalls are the calls in progress that end when their key no longer permits them.
// A call is first added and then checked against the current keys, which are first replaced
// and then checked against the calls, so that no call is missed.
type lastingCalls struct {
	mu    sync.Mutex
	calls map[*call]*permission // guarded by mu
}

// permission is what a lasting call needs its key for.
type permission struct {
	access access
	ended  error // why the call was ended, or nil
}

// enter registers a call until leave is called, or changes what it uses. It returns an error if the key no longer
// permits the call.
func (s *Server) enter(c *call, a access) error {
	l := &s.auth.lasting
	l.mu.Lock()
	if l.calls == nil {
		l.calls = make(map[*call]*permission)
	}
	if p := l.calls[c]; p != nil {
		p.access = a
	} else {
		l.calls[c] = &permission{access: a}
	}
	l.mu.Unlock()
	return s.auth.current.Load().stillPermits(c.key, a)
}

// mayRead returns nil if the key of a read or subscription permits it, from now on.
func (s *Server) mayRead(c *call, a access) error {
	if c.key == nil || !c.key.revocable {
		return c.key.permits(a)
	}
	return s.enter(c, a)
}

// currentKey returns the key that now has the name of the key of a call, whose request may
// arrive long after its headers. It fails if that key does not permit the method.
func (s *Server) currentKey(c *call) (*key, error) {
	if c.key == nil || !c.key.revocable {
		return c.key, nil
	}
	set := s.auth.current.Load()
	if err := set.stillPermits(c.key, access{anyOf: c.method.rights}); err != nil {
		return nil, err
	}
	return set.byName[c.key.Name], nil
}

// leave removes a call. It returns the reason if the call was ended.
func (s *Server) leave(c *call) error {
	l := &s.auth.lasting
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.calls[c]
	delete(l.calls, c)
	return p.ended
}

// check ends the calls for which reason returns an error.
func (l *lastingCalls) check(reason func(*key, access) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c, p := range l.calls {
		if p.ended != nil {
			continue
		}
		if p.ended = reason(c.key, p.access); p.ended != nil {
			st, trailer := wire.ToStatus(p.ended, c.Header().Get("user-agent"))
			c.End(st, trailer)
		}
	}
}

// endExpired ends the calls whose key has expired. It is called about once a second, so it
// checks nothing else.
func (a *authenticator) endExpired() {
	a.mu.Lock()
	defer a.mu.Unlock()
	set := a.current.Load()
	a.lasting.check(func(used *key, _ access) error {
		if k := set.byName[used.Name]; k != nil && k.isExpired() {
			return k.expired()
		}
		return nil
	})
}

// isValid reports whether there is a key with the name of a key that has been used, and it
// has not expired. The set is nil if no key is required.
func (s *keySet) isValid(used *key) bool {
	if s == nil {
		return true
	}
	k := s.byName[used.name()]
	return k != nil && !k.isExpired()
}

// stillPermits returns nil if the key that now has the name of a key permits what a call
// uses.
func (s *keySet) stillPermits(used *key, a access) error {
	k := s.byName[used.Name]
	switch {
	case k == nil:
		return unauthenticated("the API key %q was revoked", used.Name)
	case k.isExpired():
		return k.expired()
	}
	return k.permits(a)
}
