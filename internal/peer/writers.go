package peer

import (
	"sync"
	"time"

	"github.com/umadb-go/umadb/internal/grpcclient"
)

const (
	// avoidFor is for how long no append is passed to a writer after a failure.
	avoidFor = 5 * time.Second
	// maxWriters is the number of writers that are remembered.
	maxWriters = 16
)

// writers are the other servers that were preferred writers.
type writers struct {
	connect func(url string) (*grpcclient.Conn, error)

	mu     sync.Mutex
	closed bool               // guarded by mu
	known  map[string]*writer // by URL; guarded by mu
}

// writer is such a server.
type writer struct {
	url  string
	conn *grpcclient.Conn // nil if the URL or the certificates cannot be used

	// Guarded by writers.mu.
	calls   int       // that are in progress
	used    time.Time // when the last one ended
	avoided time.Time // until then
}

// acquire returns the writer with a URL until release, or nil if it must not be used now.
func (w *writers) acquire(url string) *writer {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	found := w.known[url]
	if found == nil {
		if found = w.add(url); found == nil {
			return nil
		}
	}
	if time.Now().Before(found.avoided) {
		return nil
	}
	if found.conn == nil {
		if found.conn, _ = w.connect(url); found.conn == nil { // its certificates may be replaced
			found.avoided = time.Now().Add(avoidFor)
			return nil
		}
	}
	found.calls++
	return found
}

// add adds a writer, in place of the one that was not used for the longest time if there are too
// many. It returns nil if all are used. The caller must hold mu.
func (w *writers) add(url string) *writer {
	if len(w.known) >= maxWriters {
		var oldest *writer
		for _, known := range w.known {
			if known.calls == 0 && (oldest == nil || known.used.Before(oldest.used)) {
				oldest = known
			}
		}
		if oldest == nil {
			return nil
		}
		delete(w.known, oldest.url)
		if oldest.conn != nil {
			oldest.conn.Close()
		}
	}
	if w.known == nil {
		w.known = make(map[string]*writer)
	}
	added := &writer{url: url, used: time.Now()}
	w.known[url] = added
	return added
}

// release ends the use of a writer.
func (w *writers) release(used *writer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	used.calls--
	used.used = time.Now()
}

// avoid makes acquire return nil for a writer for some time.
func (w *writers) avoid(failed *writer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	failed.avoided = time.Now().Add(avoidFor)
}

// close closes all connections.
func (w *writers) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	for _, known := range w.known {
		if known.conn != nil {
			known.conn.Close()
		}
	}
}
