package store

import (
	"context"
	"sync"

	"github.com/umadb-go/umadb/dcb"
)

// gate counts the calls in progress, so that Close can wait for them.
type gate struct {
	mu     sync.Mutex
	inside int           // guarded by mu
	shut   bool          // guarded by mu
	empty  chan struct{} // closed when shut is set and no call is inside
}

func newGate() *gate { return &gate{empty: make(chan struct{})} }

// enter counts a call. It fails with dcb.ErrClosed if the gate is shut, or with the
// error of ctx.
func (g *gate) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		return dcb.ErrClosed
	}
	g.inside++
	return nil
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.shut && g.inside == 0 {
		close(g.empty)
	}
}

// close shuts the gate and reports whether it was open.
func (g *gate) close() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		return false
	}
	g.shut = true
	if g.inside == 0 {
		close(g.empty)
	}
	return true
}
