package main

// #include "binding.h"
import "C"

import (
	"context"
	"sync"

	"github.com/umadb-go/umadb/dcb"
)

// streaming is an open stream, as C sees it: a pump, or prompt. next is for one
// thread at a time; cancel may come from any.
type streaming interface {
	next(milliseconds int, tell notification, out *C.umadb_result) bool
	cancel()
	free()
}

// stream is what every stream has.
type stream struct {
	ctx      context.Context // done when cancelled
	stop     context.CancelFunc
	messages messages
}

// fetch gives the next message. A cancelled stream says so, whatever its last
// call ended with.
func (s *stream) fetch() (r result) {
	if s.ctx.Err() == nil {
		r.message, r.err = s.messages.Next()
	}
	if s.ctx.Err() != nil {
		r = result{err: dcb.ErrClosed}
	}
	return r
}

func (s *stream) cancel() { s.stop() }

// registry is the streams that can be cancelled together.
type registry struct {
	mu  sync.Mutex
	all map[streaming]struct{} // guarded by mu
}

// streams is all of the process.
var streams registry

func (r *registry) add(s streaming) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[streaming]struct{}{}
	}
	r.all[s] = struct{}{}
}

func (r *registry) remove(s streaming) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, s)
}

func (r *registry) cancelAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for s := range r.all {
		s.cancel()
	}
}
