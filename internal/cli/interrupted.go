package cli

import (
	"context"
	"time"
)

// interruptGrace is how long an interrupted operation may take to return.
const interruptGrace = time.Second

// orInterrupted calls do in a goroutine and returns its result. If do has not returned
// interruptGrace after ctx is done, for example because a disk does not respond, the
// error is errInterrupted, and do keeps running in the background.
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
