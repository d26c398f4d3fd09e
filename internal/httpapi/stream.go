package httpapi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/umadb-go/umadb/dcb"
)

const (
	// opening is how long the answer may wait for the first event or progress. A subscription that is
	// refused before has the status of its error.
	opening = time.Second
	// heartbeat is how long a stream may be silent before it sends a comment.
	heartbeat = 10 * time.Second
	// retry is how long a client should wait before it continues a stream that has ended.
	retry = 3 * time.Second
)

// stream writes server-sent events. What is written is sent at once, but what is written while
// something is being sent is sent together.
type stream struct {
	control *http.ResponseController
	cancel  func()        // ends the subscription
	written chan struct{} // has an element if something is to be sent
	ended   chan struct{} // closed by close
	wait    sync.WaitGroup

	mu     sync.Mutex
	out    *bufio.Writer
	sent   bool // the answer has started
	failed error

	// These are used by the goroutine of the subscription.
	last     uint64 // the last id
	caughtUp bool
}

// newStream starts a stream. cancel is called if the client no longer receives it.
func newStream(w http.ResponseWriter, cancel func()) *stream {
	s := &stream{
		control: http.NewResponseController(w),
		cancel:  cancel,
		written: make(chan struct{}, 1),
		ended:   make(chan struct{}),
		out:     bufio.NewWriterSize(w, writeBuffer),
	}
	fmt.Fprintf(s.out, "retry: %d\n\n", retry.Milliseconds()) // it fits into the buffer
	s.wait.Go(s.send)
	return s
}

// event writes an event. Its id is its position.
func (s *stream) event(ctx context.Context, a *api, e *dcb.SequencedEvent) error {
	// It may wait for memory. Comments are sent meanwhile.
	text, release, err := a.line(ctx, fmt.Sprintf("id: %d\ndata: ", e.Position), e)
	if err != nil {
		return err
	}
	defer release()
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.out.Write(text); err != nil {
		return err
	}
	s.out.WriteByte('\n') // the error is that of the next write
	s.last = e.Position
	return s.ends()
}

// progress writes how far the subscription is, unless the client knows.
func (s *stream) progress(p dcb.Progress) {
	if p.CaughtUp() && s.caughtUp && p.Checked <= s.last {
		return
	}
	name := "progress"
	if s.caughtUp = p.CaughtUp(); s.caughtUp {
		name = "caught-up"
	}
	s.last = p.Checked
	s.print("id: %d\nevent: %s\ndata: {\"checked\":%d,\"head\":%d}\n\n", p.Checked, name, p.Checked, p.Head)
}

func (s *stream) print(format string, values ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, format, values...) // ends and send return the error
	s.ends()
}

// ends ends a server-sent event. mu must be locked.
func (s *stream) ends() error {
	select {
	case s.written <- struct{}{}:
	default:
	}
	return s.failed
}

// send sends what is written, and comments while nothing is, until close is called.
func (s *stream) send() {
	silence := time.NewTimer(opening)
	defer silence.Stop()
	for started := false; ; started = true {
		select {
		case <-s.written:
		case <-silence.C:
			if started {
				s.print(": the stream is alive\n\n")
			}
		case <-s.ended:
			return
		}
		if s.flush() != nil {
			s.cancel()
			return
		}
		silence.Reset(heartbeat)
	}
}

func (s *stream) flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = true
	s.failed = errors.Join(s.out.Flush(), s.control.Flush())
	return s.failed
}

// close ends the stream, whose subscription has ended with an error, which may be nil. It returns the
// error of the answer. The writer is not used after it.
func (s *stream) close(err error) error {
	close(s.ended)
	s.wait.Wait()
	if s.failed != nil {
		return s.failed
	}
	if err == nil || s.sent {
		return errors.Join(err, s.flush())
	}
	return err
}
