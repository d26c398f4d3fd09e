package store

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/umadb-go/umadb/dcb"
)

// shut is added to the number of calls inside a gate that is shut.
const shut = 1 << 62

// gate counts the calls in progress, so that Close can wait for them.
type gate struct {
	inside   atomic.Int64  // number of calls, plus shut once the gate is shut
	empty    chan struct{} // closed when the gate is shut and no call is inside
	setEmpty func()        // closes empty once
}

func newGate() *gate {
	g := &gate{empty: make(chan struct{})}
	g.setEmpty = sync.OnceFunc(func() { close(g.empty) })
	return g
}

// enter counts a call. It fails with dcb.ErrClosed if the gate is shut, or with the
// error of ctx.
func (g *gate) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if g.inside.Add(1) > shut {
		g.leave()
		return dcb.ErrClosed
	}
	return nil
}

func (g *gate) leave() {
	if g.inside.Add(-1) == shut {
		g.setEmpty()
	}
}

// close shuts the gate and reports whether it was open.
func (g *gate) close() bool {
	for {
		inside := g.inside.Load()
		if inside >= shut {
			return false
		}
		if g.inside.CompareAndSwap(inside, inside+shut) {
			if inside == 0 {
				g.setEmpty()
			}
			return true
		}
	}
}
