package cli

import (
	"context"
	"io"
)

// interruptible returns a reader of in that stops waiting when ctx is done. A read of a
// pipe would block.
func interruptible(ctx context.Context, in io.Reader) io.Reader {
	r := &interruptibleReader{ctx: ctx, full: make(chan ioResult, 2), empty: make(chan []byte, 2)}
	r.empty <- make([]byte, 64<<10)
	r.empty <- make([]byte, 64<<10)
	go r.pump(in)
	return r
}

// ioResult is the result of one read or write.
type ioResult struct {
	buffer []byte
	n      int
	err    error
}

// interruptibleReader must be used by one goroutine only.
type interruptibleReader struct {
	ctx      context.Context
	full     chan ioResult
	empty    chan []byte
	ioResult     // of the current read
	consumed int // number of bytes already returned
}

// pump reads until an error, or until ctx is done and the current read returns.
func (r *interruptibleReader) pump(in io.Reader) {
	for {
		select {
		case buffer := <-r.empty:
			n, err := in.Read(buffer)
			r.full <- ioResult{buffer, n, err} // never blocks: there are only two buffers
			if err != nil {
				return
			}
		case <-r.ctx.Done():
			return
		}
	}
}

// Read returns the next bytes, or the error of ctx.
func (r *interruptibleReader) Read(p []byte) (int, error) {
	for r.consumed == r.n {
		if r.err != nil {
			return 0, r.err
		}
		if r.buffer != nil {
			r.empty <- r.buffer
			r.buffer = nil
		}
		select {
		case r.ioResult = <-r.full:
			r.consumed = 0
		case <-r.ctx.Done():
			return 0, r.ctx.Err()
		}
	}
	n := copy(p, r.buffer[r.consumed:r.n])
	r.consumed += n
	return n, nil
}
