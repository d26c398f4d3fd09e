package cli

import (
	"context"
	"time"
)

// interruptGrace is how long work that is interrupted may take to end in order.
const interruptGrace = time.Second

// orInterrupted returns what do returns. If do does not return soon after ctx is done,
// as when it reads a disk that does not answer, it is left alone, and the error is
// errInterrupted.
func orInterrupted[T any](ctx context.Context, do func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := do()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
	}
	select {
	case r := <-done:
		return r.value, r.err
	case <-time.After(interruptGrace):
		var none T
		return none, errInterrupted
	}
}
