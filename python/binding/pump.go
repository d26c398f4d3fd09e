package main

// #include "binding.h"
import "C"

import (
	"io"
	"sync"

	"github.com/umadb-go/umadb/dcb"
)

// pump is a stream whose messages a goroutine fetches ahead, one at a time, so
// that whoever waits can stop waiting.
type pump struct {
	stream
	ready chan struct{} // has a token while there are answers

	mu      sync.Mutex
	answers []C.umadb_result // fetched and not given; guarded by mu
	begun   bool             // run has been started; guarded by mu
	freed   bool             // guarded by mu
	ended   bool             // the last of answers is the stream's last, or was; guarded by mu
	armed   notification     // to be told of the next answer; guarded by mu
	room    chan struct{}    // has a token when the next message may be fetched
}

// ahead is how many messages are fetched before they are asked for.
const ahead = 2

func pumped(s stream) *pump {
	p := &pump{stream: s, ready: make(chan struct{}, 1), room: make(chan struct{}, ahead)}
	for range ahead {
		p.room <- struct{}{}
	}
	return p
}

// run fetches messages, from when the first is asked for.
func (p *pump) run() {
	defer p.messages.Close()
	for {
		select {
		case <-p.room:
		case <-p.ctx.Done():
		}
		r := p.fetch()
		if !p.put(&r) || r.err != nil {
			return
		}
	}
}

// put adds an answer, and tells whether anybody wants more.
func (p *pump) put(r *result) bool {
	var answer C.umadb_result
	r.to(&answer)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.freed {
		freeBytes(&answer)
		return false
	}
	p.answers = append(p.answers, answer)
	p.ended = r.err != nil
	select {
	case p.ready <- struct{}{}:
	default:
	}
	if p.armed.to != nil {
		go p.armed.send()
		p.armed.to = nil
	}
	return true
}

func (p *pump) next(milliseconds int, tell notification, out *C.umadb_result) bool {
	for {
		if p.take(tell, out) {
			return true
		}
		// A token may be of an answer that was taken already.
		if milliseconds == 0 || !within(milliseconds, p.ready) {
			return false
		}
	}
}

// take gives an answer that is there; if there is none, it arms the notification.
func (p *pump) take(tell notification, out *C.umadb_result) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.begun {
		p.begun = true
		spawn(p.run)
	}
	switch {
	case p.ctx.Err() != nil:
		r := result{err: dcb.ErrClosed}
		r.to(out)
	case len(p.answers) > 0:
		*out = p.answers[0]
		p.answers = p.answers[1:]
		if len(p.answers) > 0 {
			select {
			case p.ready <- struct{}{}:
			default:
			}
		}
		select {
		case p.room <- struct{}{}:
		default:
		}
	case p.ended:
		r := result{err: io.EOF}
		r.to(out)
	default:
		p.armed = tell
		return false
	}
	return true
}

func (p *pump) free() {
	p.stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.freed = true
	for i := range p.answers {
		freeBytes(&p.answers[i])
	}
	p.answers = nil
}
