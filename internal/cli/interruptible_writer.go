package cli

import (
	"context"
	"io"
	"time"
)

// lastWriteGrace is what a write gets that is under way, or begins, when it is
// interrupted: what can be written is.
const lastWriteGrace = 200 * time.Millisecond

// interruptibleWriter does not wait any more when ctx is done, as writing to a
// pipe would that nobody reads. It is for one goroutine, which stops writing at
// the first error: a write that was given up may still be under way.
type interruptibleWriter struct {
	ctx context.Context
	w   io.Writer
}

// Write writes, or gives the error of ctx.
func (i *interruptibleWriter) Write(p []byte) (int, error) {
	done := make(chan piece, 1)
	go func() {
		n, err := i.w.Write(p)
		done <- piece{n: n, err: err}
	}()
	select {
	case written := <-done:
		return written.n, written.err
	case <-i.ctx.Done():
	}
	select {
	case written := <-done:
		return written.n, written.err
	case <-time.After(lastWriteGrace):
		return 0, i.ctx.Err()
	}
}
