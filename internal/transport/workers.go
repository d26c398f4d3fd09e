package transport

import (
	"sync"
	"sync/atomic"
)

// maxIdle is the number of goroutines that wait for a call.
const maxIdle = 64

// workers are the goroutines that serve calls. Some of them wait for the next call when one
// has ended: a new goroutine would first have to grow its stack.
type workers struct {
	handler  Handler
	idle     chan *Stream // to a worker that waits
	waiting  atomic.Int64 // number of workers that wait, or are about to
	stopping chan struct{}
	running  sync.WaitGroup
}

// serve has a call served.
func (w *workers) serve(s *Stream) {
	select {
	case w.idle <- s:
	default:
		w.running.Go(func() { w.work(s) })
	}
}

// work serves a call, and others afterwards.
func (w *workers) work(s *Stream) {
	for s != nil {
		s.conn.finishServed(s, w.handler.Serve(s))
		s = w.next()
	}
}

// next waits for a call. It returns nil if enough workers wait or the server stops.
func (w *workers) next() *Stream {
	defer w.waiting.Add(-1)
	if w.waiting.Add(1) > maxIdle {
		return nil
	}
	select {
	case s := <-w.idle:
		return s
	case <-w.stopping:
		return nil
	}
}
