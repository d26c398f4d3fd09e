package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// signals are the signals that a server handles.
type signals struct {
	stop   <-chan os.Signal // buffers two signals: the second one ends the server at once
	reload <-chan os.Signal // buffers one signal: several are the same as one
}

// notify sends the signals of the process to the returned channels, until stopNotify is
// called.
func notify() (s signals, stopNotify func()) {
	stop, reload := make(chan os.Signal, 2), make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	signal.Notify(reload, syscall.SIGHUP)
	return signals{stop, reload}, func() {
		signal.Stop(stop)
		signal.Stop(reload)
	}
}

// interruptions returns the signals that end a command. SIGHUP, which a closed terminal
// sends, is one of them unless nohup made the process ignore it.
func interruptions() []os.Signal {
	end := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		end = append(end, syscall.SIGHUP)
	}
	return end
}

// untilSignal returns a context that a signal cancels. Until stop is called, writes to the
// output of the command stop waiting when the context is done. A second signal ends the
// process.
func untilSignal(cmd *cobra.Command) (ctx context.Context, stop func()) {
	ctx, stopNotify := signal.NotifyContext(cmd.Context(), interruptions()...)
	context.AfterFunc(ctx, stopNotify)
	out := cmd.OutOrStdout()
	if !isTerminal(out) { // Ctrl-C ends a blocked write to a terminal
		cmd.SetOut(&interruptibleWriter{ctx, out})
	}
	return ctx, func() {
		stopNotify()
		cmd.SetOut(out)
	}
}

var errInterrupted = errors.New("interrupted")

// asInterrupted returns errInterrupted in place of an error that a signal has caused.
func asInterrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return errInterrupted
	}
	return err
}

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
