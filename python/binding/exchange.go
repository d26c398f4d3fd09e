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

// exchange is Go's side of a umadb_exchange: the work on its answers.
type exchange struct {
	shared   *C.umadb_exchange
	ctx      context.Context // done when it is cancelled
	stop     context.CancelFunc
	deadline *softDeadline                // ctx, for what step does
	call     func(context.Context) result // gives the one answer; nil if there are many
	stream   messages                     // gives the many
	room     chan struct{}                // has a token when the queue may have room again
	running  bool                         // run goes on; of whoever steps
}

// underWay is the exchanges that have not ended, by their IDs.
var underWay table[*exchange]

// begin makes the exchange that C asks for, which is under way from here on.
func begin(x *C.umadb_exchange) *exchange {
	e := &exchange{shared: x, room: make(chan struct{}, 1)}
	request, parent := requestOf(x), context.Background()
	switch c := connections.get(uint64(x.connection)); {
	case x.method == C.UMADB_OPEN:
		e.call = openOptionsOf(request).open
	case c == nil: // freed since
		e.call = func(context.Context) result { return result{err: dcb.ErrClosed} }
	case x.method < C.UMADB_READ:
		parent, e.call = c.ctx, c.caller(x.method, request)
	default:
		parent, e.stream = c.ctx, &unopened{open: c.opener(e, x.method, request)}
	}
	if x.timeout == 0 {
		e.ctx, e.stop = context.WithCancel(parent)
	} else {
		e.ctx, e.stop = context.WithTimeout(parent, time.Duration(x.timeout))
	}
	e.deadline = &softDeadline{Context: e.ctx}
	underWay.put(uint64(x.id), e)
	return e
}

// requestOf copies a request: what is parsed of it aliases it, and gRPC may have it
// for longer than C.
func requestOf(x *C.umadb_exchange) []byte {
	return append([]byte(nil), unsafe.Slice((*byte)(unsafe.Pointer(x.request)), int(x.length))...)
}

// run gives answers until the last, and then releases the reference that came with the
// start, or that runOn took.
func (e *exchange) run() {
	defer C.umadb_release(e.shared)
	defer e.end()
	for {
		r := e.next()
		last, became := e.put(&r)
		switch {
		case last || became == C.UMADB_IS_UNWANTED:
			return
		case became == C.UMADB_IS_FULL:
			select {
			case <-e.room:
			case <-e.ctx.Done():
			}
		}
	}
}

// next returns the next answer. That of a stream which is cancelled or has timed out is
// an error which says so, whatever its last call ended with.
func (e *exchange) next() (r result) {
	if e.call != nil {
		r = e.call(e.ctx)
		if errors.Is(e.ctx.Err(), context.DeadlineExceeded) {
			r.err = overdue(r.err)
		}
		return r
	}
	if e.ctx.Err() == nil {
		r.message, r.err = e.stream.Next()
	}
	switch err := e.ctx.Err(); {
	case errors.Is(err, context.DeadlineExceeded):
		r = result{err: errOverdue}
	case err != nil:
		r = result{err: dcb.ErrClosed}
	}
	return r
}

// put gives an answer to C, and tells whether it was the last, and what became of it.
func (e *exchange) put(r *result) (last bool, became C.int32_t) {
	var answer C.umadb_answer
	r.to(&answer)
	var flag C.int32_t
	if last = e.call != nil || r.err != nil; last {
		flag = 1
	}
	var notifier C.uint64_t
	became = C.umadb_put(e.shared, &answer, flag, &notifier)
	if became == C.UMADB_IS_UNWANTED {
		freeBytes(&answer)
		if r.opened != nil {
			forget(uint64(answer.number))
		}
	}
	if notifier != 0 {
		notify(uint64(notifier), uint64(e.shared.id))
	}
	return last, became
}

// end frees what an exchange has. One that is dropped between two steps is not ended:
// a read of a store has nothing that the garbage collector does not free.
func (e *exchange) end() {
	underWay.remove(uint64(e.shared.id))
	e.stop()
	if e.stream != nil {
		e.stream.Close()
	}
}

// hasRoom lets run go on.
func (e *exchange) hasRoom() {
	select {
	case e.room <- struct{}{}:
	default:
	}
}

// stepTime is how long a thread may be kept that has to look after signals, or that
// runs an event loop.
const stepTime = 20 * time.Millisecond

// step gives the next answer on this thread, for most answers of an embedded store
// take microseconds, less than it takes to wake another thread. A bounded step of a
// read or an append takes no longer than stepTime: a message of a read that would is
// begun again by run, and so are those behind it; an append, which cannot be begun
// again, is run's from the beginning. Other calls do not search, nor wait for a disk.
func (e *exchange) step(bounded bool) {
	switch {
	case e.running:
	case bounded && e.shared.method == C.UMADB_APPEND:
		ended := e.runOn()
		select {
		case <-ended:
		case <-time.After(stepTime):
		}
	default:
		if bounded {
			e.deadline.end = time.Now().Add(stepTime)
		}
		r := e.next()
		e.deadline.end = time.Time{}
		if errors.Is(r.err, context.DeadlineExceeded) {
			e.runOn()
		} else if last, _ := e.put(&r); last {
			e.end()
		}
	}
}

// runOn has run go on with what was stepped, and tells when that has ended.
func (e *exchange) runOn() <-chan struct{} {
	e.running = true
	C.umadb_retain(e.shared)
	ended := make(chan struct{})
	spawn(func() {
		defer close(ended)
		e.run()
	})
	return ended
}
