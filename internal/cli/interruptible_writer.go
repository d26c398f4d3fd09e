package cli

import (
	"context"
	"io"
	"time"
)

// lastWriteGrace is how long a write that is in progress or starts after an interruption
// may take.
const lastWriteGrace = 200 * time.Millisecond

// interruptibleWriter stops waiting for a write when ctx is done. A write to a pipe
// without a reader would block. It is for one goroutine, which must not write again after
// an error: an abandoned write may still be in progress.
type interruptibleWriter struct {
	ctx context.Context
	w   io.Writer
}

// Write writes p, or returns the error of ctx.
func (i *interruptibleWriter) Write(p []byte) (int, error) {
	done := make(chan ioResult, 1)
	go func() {
		n, err := i.w.Write(p)
		done <- ioResult{n: n, err: err}
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
