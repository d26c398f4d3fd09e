package server

import (
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

// slowBody is a request of which each step arrives after a pause.
type slowBody struct {
	pause time.Duration
	ended atomic.Int32 // number of calls of WriteStatus
}

func (b *slowBody) ReadMessageHeader([]byte) error {
	time.Sleep(b.pause)
	if b.ended.Load() > 0 {
		return io.ErrUnexpectedEOF
	}
	return nil
}

func (b *slowBody) Read(int) (mem.BufferSlice, error) { panic("not used") }

func (b *slowBody) WriteStatus(*status.Status) error {
	b.ended.Add(1)
	return nil
}

// A request may arrive at the moment at which it would be ended for being too slow. It is
// ended or handled, never both: an error that allows the client to repeat an append must not
// be returned if the append is handled.
func TestRequestThatIsEndedAsTooSlowIsNotHandled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for waiting := range int64(200) {
			s := &Server{requests: new(budget), tooSlow: status.New(codes.ResourceExhausted, "too slow")}
			s.requests.waiting.Store(waiting % 3) // 0 in some rounds until the request has arrived
			body := &slowBody{pause: receiveStall}
			c := newConnection(nil, nil)
			receiving := &call{connection: c}
			c.admit(receiving)
			c.awaits(receiving, body)
			err := s.readRest(receiving, body, make([]byte, wholeFrom+1))
			if err == nil {
				err = c.arrived(receiving)
			}
			s.requests.waiting.Store(1)
			time.Sleep(time.Minute)
			if n := body.ended.Load(); n > 1 || (n == 1) != (err != nil) {
				t.Fatalf("the call was ended %d times, and the request is returned with the error %v", n, err)
			}
		}
	})
}
