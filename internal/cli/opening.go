package cli

import (
	"context"
	"io"
)

// opened is what has come of opening something.
type opened[S io.Closer] struct {
	store S
	err   error
}

// opening opens a store in a goroutine, for that takes long if the index must be
// built again, and nothing interrupts it.
func opening[S io.Closer](open func() (S, error)) <-chan opened[S] {
	done := make(chan opened[S], 1)
	go func() {
		store, err := open()
		done <- opened[S]{store, err}
	}()
	return done
}

// abandon closes what comes of an opening. Nothing is lost: a store may be left at
// any moment.
func abandon[S io.Closer](opening <-chan opened[S]) {
	go func() {
		if o := <-opening; o.err == nil {
			o.store.Close()
		}
	}()
}

// openUntil opens a store, unless ctx is done before.
func openUntil[S io.Closer](ctx context.Context, open func() (S, error)) (S, error) {
	coming := opening(open)
	select {
	case o := <-coming:
		return o.store, o.err
	case <-ctx.Done():
		abandon(coming)
		var none S
		return none, errInterrupted
	}
}
