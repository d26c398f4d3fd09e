package peer

import (
	"sync"
	"time"

	"github.com/umadb-go/umadb/internal/grpcclient"
)

const (
	// avoidFor is for how long no append is passed to a server after a failure.
	avoidFor = 5 * time.Second
	// maxServers is the number of servers that are remembered.
	maxServers = 16
)

// servers are the other servers that were preferred writers.
type servers struct {
	connect func(url string) (*grpcclient.Conn, error)

	mu     sync.Mutex
	closed bool               // guarded by mu
	known  map[string]*server // by URL; guarded by mu
}

// server is another server.
type server struct {
	url  string
	conn *grpcclient.Conn // nil if the URL or the certificates cannot be used

	// Guarded by servers.mu.
	calls   int       // that are in progress
	used    time.Time // when the last one ended
	avoided time.Time // until then
}

// acquire returns the server of a URL until release, or nil if it must not be used now.
func (s *servers) acquire(url string) *server {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	found := s.known[url]
	if found == nil {
		if found = s.add(url); found == nil {
			return nil
		}
	}
	if time.Now().Before(found.avoided) {
		return nil
	}
	if found.conn == nil {
		if found.conn, _ = s.connect(url); found.conn == nil { // its certificates may be replaced
			found.avoided = time.Now().Add(avoidFor)
			return nil
		}
	}
	found.calls++
	return found
}

// add adds a server, in place of the one that was not used for the longest time if there are too
// many. It returns nil if all are used. The caller must hold mu.
func (s *servers) add(url string) *server {
	if len(s.known) >= maxServers {
		var oldest *server
		for _, known := range s.known {
			if known.calls == 0 && (oldest == nil || known.used.Before(oldest.used)) {
				oldest = known
			}
		}
		if oldest == nil {
			return nil
		}
		delete(s.known, oldest.url)
		if oldest.conn != nil {
			oldest.conn.Close()
		}
	}
	if s.known == nil {
		s.known = make(map[string]*server)
	}
	added := &server{url: url, used: time.Now()}
	s.known[url] = added
	return added
}

// release ends the use of a server.
func (s *servers) release(used *server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	used.calls--
	used.used = time.Now()
}

// avoid makes acquire return nil for a server for some time.
func (s *servers) avoid(failed *server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	failed.avoided = time.Now().Add(avoidFor)
}

// close closes all connections.
func (s *servers) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, known := range s.known {
		if known.conn != nil {
			known.conn.Close()
		}
	}
}
