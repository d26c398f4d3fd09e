package main

// #include "binding.h"
import "C"

import (
	"context"
	"runtime/cgo"
	"time"
)

// call is a call that goes on while whoever made it looks after signals, or does
// something else.
type call struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when answer is there
	answer result
}

// begin makes a call: on this thread if it is to be waited for however long it
// takes. It gives 0 if the answer is in out, or the handle of the call. When parent
// is done, the call is cancelled.
func begin(parent context.Context, work func(context.Context) result, wait C.int32_t, notify C.uintptr_t, out *C.umadb_result) C.uintptr_t {
	if wait == C.UMADB_FOREVER {
		answer := work(parent)
		answer.to(out)
		return 0
	}
	ctx, cancel := context.WithCancel(parent)
	c := &call{cancel: cancel, done: make(chan struct{})}
	var handle cgo.Handle
	to := notifierOf(notify)
	if to != nil {
		handle = cgo.NewHandle(c) // before the end can be told
	}
	spawn(func() {
		c.answer = work(ctx)
		close(c.done)
		notification{to: to, handle: uint64(handle)}.send()
	})
	if to == nil && c.wait(int(wait), out) {
		return 0
	}
	if handle == 0 {
		handle = cgo.NewHandle(c)
	}
	return C.uintptr_t(handle)
}

// wait gives the answer, and whether it came in time.
func (c *call) wait(milliseconds int, out *C.umadb_result) bool {
	if !within(milliseconds, c.done) {
		return false
	}
	c.cancel()
	c.answer.to(out)
	return true
}

// drop lets the call end by itself. A store that it opens is closed again.
func (c *call) drop() {
	c.cancel()
	go func() {
		<-c.done
		if c.answer.opened != nil {
			c.answer.opened.close()
		}
	}()
}

// within waits for something to be closed or sent, and tells whether it came.
func within(milliseconds int, something <-chan struct{}) bool {
	if milliseconds < 0 {
		<-something
		return true
	}
	select {
	case <-something:
		return true
	default:
	}
	if milliseconds == 0 {
		return false
	}
	timer := time.NewTimer(time.Duration(milliseconds) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-something:
		return true
	case <-timer.C:
		return false
	}
}
