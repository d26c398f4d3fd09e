package client

import (
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/umadb-go/umadb/internal/grpcclient"
)

const (
	// A server that has failed is avoided, longer each time, as long as another one works.
	firstAvoidance = 5 * time.Second
	maxAvoidance   = time.Minute
)

// servers are the servers of a client. They have the same events.
type servers struct {
	all []*server
	// positions is the highest position that the client has seen, or nil for one server.
	positions *grpcclient.Positions

	reads  atomic.Uint32 // where in all the next call starts that is not an append
	writer atomic.Uint32 // where in all the last append was accepted
}

// server is one of the servers of a client.
type server struct {
	*pool
	target target
	index  int

	mu       sync.Mutex
	failures int       // guarded by mu; one after the other
	avoided  time.Time // guarded by mu; until then
}

// newServers returns the servers of targets. They are not connected.
func newServers(targets []target, connector connector, patience time.Duration) *servers {
	s := new(servers)
	if len(targets) > 1 {
		s.positions = new(grpcclient.Positions)
	}
	for i, t := range targets {
		s.all = append(s.all, &server{pool: newPool(connector(t, s.positions), patience), target: t, index: i})
	}
	return s
}

// several reports whether there are several servers.
func (s *servers) several() bool { return len(s.all) > 1 }

// saw records a position that the client has seen.
func (s *servers) saw(position uint64) {
	if s.positions != nil {
		s.positions.Raise(position)
	}
}

// head returns a position that the store certainly has. A client of one server does not know one, and
// then it is the largest number.
func (s *servers) head() uint64 {
	if s.positions == nil {
		return math.MaxUint64
	}
	return s.positions.Highest()
}

// close closes all connections.
func (s *servers) close() {
	for _, one := range s.all {
		one.close()
	}
}

// tried is a set of servers.
type tried uint32

func (t *tried) add(s *server)     { *t |= 1 << s.index }
func (t tried) has(s *server) bool { return t&(1<<s.index) != 0 }
func (t tried) count() int         { return bits.OnesCount32(uint32(t)) }

// pick returns the server for a call, which is not one of those that were tried: one that works,
// if there is one. Calls take turns, except that appends stay with a server.
func (s *servers) pick(appends bool, without tried) *server {
	if !s.several() {
		return s.all[0]
	}
	var first uint32
	if appends {
		first = s.writer.Load()
	} else {
		first = s.reads.Add(1)
	}
	var best *server
	lowest, now := worst+1, time.Now()
	for i := range s.all {
		one := s.all[(first+uint32(i))%uint32(len(s.all))]
		if without.has(one) {
			continue
		}
		if state := one.state(now); state < lowest {
			best, lowest = one, state
		}
	}
	return best
}

// serverState describes whether a server works. The lower one is preferred.
type serverState int

const (
	working    serverState = iota
	connecting             // it has not failed so far
	failing
	unreachable
	worst = unreachable
)

// state returns the state of the server. If it is not connected, state starts to connect.
func (s *server) state(now time.Time) serverState {
	connected := s.first.IsConnected()
	if !connected {
		s.first.Prepare()
	}
	s.mu.Lock()
	avoided := now.Before(s.avoided)
	s.mu.Unlock()
	switch {
	case connected && !avoided:
		return working
	case !avoided:
		return connecting
	case connected:
		return failing
	}
	return unreachable
}

// failed makes the next calls use other servers. Calls that fail at the same time are one failure.
func (s *server) failed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); !now.Before(s.avoided) {
		s.avoided = now.Add(min(firstAvoidance<<min(s.failures, 10), maxAvoidance))
		s.failures++
	}
}

// worked records that the server has answered a call.
func (s *server) worked() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures, s.avoided = 0, time.Time{}
}
