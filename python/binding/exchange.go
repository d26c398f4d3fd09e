package main

// #cgo noescape umadb_put
// #cgo nocallback umadb_put
// #cgo nocallback umadb_hold
// #cgo nocallback umadb_let_go
// #include "exchange.h"
import "C"

import (
	"context"
	"time"

	"github.com/umadb-go/umadb/dcb"
)

// exchange is what is done for a umadb_exchange.
type exchange struct {
	shared *C.umadb_exchange
	ctx    context.Context // done when it is cancelled
	stop   context.CancelFunc
	haste  *haste                       // ctx, for a read, which may be stepped
	call   func(context.Context) result // gives the one answer; nil if there are many
	stream messages                     // gives the many
	room   chan struct{}                // has a token when the answers may have room again
	pumped bool                         // run goes on; of whoever steps
}

// underWay is the exchanges that have not ended, by their numbers.
var underWay table[*exchange]

// newExchange begins what C asks for, which nobody works on yet.
func newExchange(x *C.umadb_exchange) *exchange {
	e := &exchange{shared: x, room: make(chan struct{}, 1)}
	request, parent := requestOf(x), context.Background()
	switch c := connections.get(uint64(x.connection)); {
	case x.method == C.UMADB_OPEN:
		e.call = openOptionsOf(request, uint32(x.batch)).open
	case c == nil: // freed since
		e.call = func(context.Context) result { return result{err: dcb.ErrClosed} }
	case x.method < C.UMADB_READ:
		parent, e.call = c.ctx, c.work(x.method, request)
	default:
		parent, e.stream = c.ctx, &unopened{open: c.opener(e, x.method, request)}
	}
	e.ctx, e.stop = context.WithCancel(parent)
	e.haste = &haste{Context: e.ctx}
	underWay.put(uint64(x.number), e)
	return e
}

// run gives answers until the last, and then lets go of what C shares.
func (e *exchange) run() {
	defer C.umadb_let_go(e.shared)
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

// next gives the next answer. A cancelled stream says so, whatever its last call
// ended with.
func (e *exchange) next() (r result) {
	if e.call != nil {
		return e.call(e.ctx)
	}
	if e.ctx.Err() == nil {
		r.message, r.err = e.stream.Next()
	}
	if e.ctx.Err() != nil {
		r = result{err: dcb.ErrClosed}
	}
	return r
}

// put gives an answer to C, and tells whether it was the last, and what became of it.
func (e *exchange) put(r *result) (last bool, became C.int32_t) {
	var answer C.umadb_result
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
		notify(uint64(notifier), uint64(e.shared.number))
	}
	return last, became
}

// end frees what an exchange has.
func (e *exchange) end() {
	underWay.remove(uint64(e.shared.number))
	e.stop()
	if e.stream != nil {
		e.stream.Close()
	}
}

// moment is how long a thread may be kept that has to look after signals, or that
// runs an event loop.
const moment = 20 * time.Millisecond

// step gives the next answer on this thread, for most answers of an embedded store
// take microseconds, less than it takes to wake another thread. In a hurry, whoever
// waits for one that takes longer than a moment can stop waiting here: a message of a
// read is begun again by run, and so are those behind it, and a call, which cannot be
// begun again, is run's from the beginning.
func (e *exchange) step(hurry bool) {
	switch {
	case e.pumped:
	case hurry && e.call != nil:
		ended := e.pump()
		select {
		case <-ended:
		case <-time.After(moment):
		}
	default:
		if hurry {
			e.haste.end = time.Now().Add(moment)
		}
		r := e.next()
		e.haste.end = time.Time{}
		if late(r.err) {
			e.pump()
		} else if last, _ := e.put(&r); last {
			e.end()
		}
	}
}

// pump has run go on with what was stepped, and tells when that has ended.
func (e *exchange) pump() <-chan struct{} {
	e.pumped = true
	C.umadb_hold(e.shared)
	ended := make(chan struct{})
	spawn(func() {
		defer close(ended)
		e.run()
	})
	return ended
}

// roomAgain lets run go on.
func (e *exchange) roomAgain() {
	select {
	case e.room <- struct{}{}:
	default:
	}
}
