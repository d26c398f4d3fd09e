package cli

import (
	"context"
	"io"
)

// openResult is the result of opening a store.
type openResult[S io.Closer] struct {
	store S
	err   error
}

// openAsync opens a store in a goroutine. Opening takes long if the index must be rebuilt,
// and cannot be interrupted.
func openAsync[S io.Closer](open func() (S, error)) <-chan openResult[S] {
	done := make(chan openResult[S], 1)
	go func() {
		store, err := open()
		done <- openResult[S]{store, err}
	}()
	return done
}

// abandon closes a store when it is open. Nothing is lost if the process ends before.
func abandon[S io.Closer](result <-chan openResult[S]) {
	go func() {
		if o := <-result; o.err == nil {
			o.store.Close()
		}
	}()
}

// openUntil opens a store. If ctx is done before the store is open, it returns
// errInterrupted.
func openUntil[S io.Closer](ctx context.Context, open func() (S, error)) (S, error) {
	result := openAsync(open)
	select {
	case o := <-result:
		return o.store, o.err
	case <-ctx.Done():
		abandon(result)
		var none S
		return none, errInterrupted
	}
}
