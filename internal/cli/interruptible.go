package cli

import (
	"context"
	"io"
)

// interruptible gives a reader that does not wait any more when ctx is done, as
// reading a pipe would.
func interruptible(ctx context.Context, in io.Reader) io.Reader {
	r := &interruptibleReader{ctx: ctx, full: make(chan piece, 2), empty: make(chan []byte, 2)}
	r.empty <- make([]byte, 64<<10)
	r.empty <- make([]byte, 64<<10)
	go r.pump(in)
	return r
}

// piece is what one read gave.
type piece struct {
	buffer []byte
	n      int
	err    error
}

// interruptibleReader is for one goroutine.
type interruptibleReader struct {
	ctx   context.Context
	full  chan piece
	empty chan []byte
	piece // that is being given
	given int
}

// pump reads until an error, or until ctx is done and a read comes back.
func (r *interruptibleReader) pump(in io.Reader) {
	for {
		select {
		case buffer := <-r.empty:
			n, err := in.Read(buffer)
			r.full <- piece{buffer, n, err} // it has room
			if err != nil {
				return
			}
		case <-r.ctx.Done():
			return
		}
	}
}

// Read gives the next bytes, or the error of ctx.
func (r *interruptibleReader) Read(p []byte) (int, error) {
	for r.given == r.n {
		if r.err != nil {
			return 0, r.err
		}
		if r.buffer != nil {
			r.empty <- r.buffer
			r.buffer = nil
		}
		select {
		case r.piece = <-r.full:
			r.given = 0
		case <-r.ctx.Done():
			return 0, r.ctx.Err()
		}
	}
	n := copy(p, r.buffer[r.given:r.n])
	r.given += n
	return n, nil
}
