package main

// #cgo noescape umadb_put
// #cgo nocallback umadb_put
// #cgo nocallback umadb_retain
// #cgo nocallback umadb_release
// #include "binding.h"
import "C"

import (
	"context"
	"errors"
	"time"
	"unsafe"

	"github.com/umadb-go/umadb/dcb"
)

// exchange is the Go side of a umadb_exchange: it produces the answers.
type exchange struct {
	shared   *C.umadb_exchange
	ctx      context.Context // done when the exchange is cancelled or has timed out
	stop     context.CancelFunc
	deadline *softDeadline                // ctx, with the deadline of a bounded step
	call     func(context.Context) result // returns the answer of a call; nil for a stream
	stream   messages                     // returns the answers of a stream; nil for a call
	resumed  chan struct{}                // has a token when the queue may have space again
	running  bool                         // run has taken over; owned by the thread that steps
}

// active contains the exchanges that have not ended, by ID.
var active table[*exchange]

// newExchange returns the exchange of a request and adds it to active.
func newExchange(x *C.umadb_exchange) *exchange {
	e := &exchange{shared: x, resumed: make(chan struct{}, 1)}
	request, parent := copyRequest(x), context.Background()
	switch c := connections.get(uint64(x.connection)); {
	case x.method == C.UMADB_OPEN:
		e.call = parseOpenOptions(request).open
	case c == nil: // freed meanwhile
		e.call = func(context.Context) result { return result{err: dcb.ErrClosed} }
	case x.method < C.UMADB_READ:
		parent, e.call = c.ctx, c.callFunc(x.method, request)
	default:
		parent, e.stream = c.ctx, &lazyStream{open: c.openFunc(e, x.method, request)}
	}
	if x.timeout == 0 {
		e.ctx, e.stop = context.WithCancel(parent)
	} else {
		e.ctx, e.stop = context.WithTimeout(parent, time.Duration(x.timeout))
	}
	e.deadline = &softDeadline{Context: e.ctx}
	active.put(uint64(x.id), e)
	return e
}

// copyRequest returns a copy of the request. Parsed requests alias it, and gRPC may keep
// it longer than C does.
func copyRequest(x *C.umadb_exchange) []byte {
	return append([]byte(nil), unsafe.Slice((*byte)(unsafe.Pointer(x.request)), int(x.length))...)
}

// run puts answers until the last one, and then releases the reference that UMADB_START
// transferred or handOff took.
func (e *exchange) run() {
	defer C.umadb_release(e.shared)
	defer e.end()
	for {
		r := e.next()
		last, status := e.put(&r)
		switch {
		case last || status == C.UMADB_DROPPED:
			return
		case status == C.UMADB_FULL:
			select {
			case <-e.resumed:
			case <-e.ctx.Done():
			}
		}
	}
}

// next returns the next answer. For a stream that was cancelled or has timed out, it is
// the error that says so, whatever the last call of the stream returned.
func (e *exchange) next() (r result) {
	if e.call != nil {
		r = e.call(e.ctx)
		if errors.Is(e.ctx.Err(), context.DeadlineExceeded) {
			r.err = timedOut(r.err)
		}
		return r
	}
	if e.ctx.Err() == nil {
		r.message, r.err = e.stream.Next()
	}
	switch err := e.ctx.Err(); {
	case errors.Is(err, context.DeadlineExceeded):
		r = result{err: errTimedOut}
	case err != nil:
		r = result{err: dcb.ErrClosed}
	}
	return r
}

// put adds an answer to the queue. It reports whether the answer is the last, and returns
// the result of umadb_put.
func (e *exchange) put(r *result) (last bool, status C.int32_t) {
	var answer C.umadb_answer
	r.encode(&answer)
	var flag C.int32_t
	if last = e.call != nil || r.err != nil; last {
		flag = 1
	}
	var notifier C.uint64_t
	status = C.umadb_put(e.shared, &answer, flag, &notifier)
	if status == C.UMADB_DROPPED {
		freeBytes(&answer)
		if r.opened != nil {
			freeConnection(uint64(answer.number))
		}
	}
	if notifier != 0 {
		notify(uint64(notifier), uint64(e.shared.id))
	}
	return last, status
}

// end releases the resources of the exchange. It is not called for a stepped exchange
// that is dropped between two steps: a read of a store has only memory to release.
func (e *exchange) end() {
	active.remove(uint64(e.shared.id))
	e.stop()
	if e.stream != nil {
		e.stream.Close()
	}
}

// resume wakes run after the queue was full.
func (e *exchange) resume() {
	select {
	case e.resumed <- struct{}{}:
	default:
	}
}

// maxStep is how long a bounded step may take. The caller is a thread that must check for
// signals, or that runs an event loop.
const maxStep = 20 * time.Millisecond

// step puts the next answer from the calling thread: most answers of an embedded store
// take microseconds, less than waking another thread does. A bounded step of a read or an
// append takes at most maxStep. A message of a read that would take longer is started again
// by run, which then produces all later messages too. An append cannot be started again, so
// run has it from the start. Other calls neither search nor wait for a disk.
func (e *exchange) step(bounded bool) {
	switch {
	case e.running:
	case bounded && e.shared.method == C.UMADB_APPEND:
		ended := e.handOff()
		select {
		case <-ended:
		case <-time.After(maxStep):
		}
	default:
		if bounded {
			e.deadline.end = time.Now().Add(maxStep)
		}
		r := e.next()
		e.deadline.end = time.Time{}
		if errors.Is(r.err, context.DeadlineExceeded) {
			e.handOff()
		} else if last, _ := e.put(&r); last {
			e.end()
		}
	}
}

// handOff starts run for an exchange that was stepped until now. The channel is closed
// when run has returned.
func (e *exchange) handOff() <-chan struct{} {
	e.running = true
	C.umadb_retain(e.shared)
	ended := make(chan struct{})
	spawn(func() {
		defer close(ended)
		e.run()
	})
	return ended
}

// softDeadline is a context whose deadline can be set and cleared. Only Err checks the
// deadline, which is what reads of a store call: a timer would cost more than most reads.
type softDeadline struct {
	context.Context
	end time.Time // zero for no deadline
}

// Err returns context.DeadlineExceeded after the deadline.
func (d *softDeadline) Err() error {
	if err := d.Context.Err(); err != nil || d.end.IsZero() || time.Now().Before(d.end) {
		return err
	}
	return context.DeadlineExceeded
}
