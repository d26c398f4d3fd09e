package store

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/umadb-go/umadb/dcb"
)

func TestGateIsEmptyOnceItIsShutAndAllCallsHaveLeft(t *testing.T) {
	g := newGate()
	if err := g.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !g.close() || g.close() {
		t.Error("close does not report whether the gate was open")
	}
	if err := g.enter(t.Context()); !errors.Is(err, dcb.ErrClosed) {
		t.Errorf("enter returns %v", err)
	}
	select {
	case <-g.empty:
		t.Error("the gate is empty while a call is inside")
	default:
	}
	g.leave()
	<-g.empty
}

func TestGateWithoutCallsIsEmptyWhenItIsShut(t *testing.T) {
	g := newGate()
	g.close()
	<-g.empty
}

// No call is inside when the gate is empty, however many try to enter.
func TestGateKeepsCallsOutOnceItIsEmpty(t *testing.T) {
	for range 100 {
		g := newGate()
		var inside atomic.Int64
		var calls sync.WaitGroup
		for range 8 {
			calls.Go(func() {
				for g.enter(t.Context()) == nil {
					inside.Add(1)
					inside.Add(-1)
					g.leave()
				}
			})
		}
		g.close()
		<-g.empty
		if n := inside.Load(); n != 0 {
			t.Fatalf("%d calls are inside", n)
		}
		calls.Wait()
	}
}
