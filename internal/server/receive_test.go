package server

import (
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/internal/transport"
)

// slowStream is the stream of a request of which each step arrives after a pause.
type slowStream struct {
	grpc.ServerTransportStream
	pause time.Duration
	ended atomic.Int32 // number of calls of WriteStatus
}

// body returns the body of the request.
func (s *slowStream) body(t *testing.T) transport.Body {
	body, err := transport.BodyOf(grpc.NewContextWithServerTransportStream(t.Context(), s))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func (s *slowStream) ReadMessageHeader([]byte) error {
	time.Sleep(s.pause)
	if s.ended.Load() > 0 {
		return io.ErrUnexpectedEOF
	}
	return nil
}

func (s *slowStream) Read(int) (mem.BufferSlice, error) { panic("not used") }

func (s *slowStream) WriteStatus(*status.Status) error {
	s.ended.Add(1)
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
			stream := &slowStream{pause: receiveStall}
			body := stream.body(t)
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
			if n := stream.ended.Load(); n > 1 || (n == 1) != (err != nil) {
				t.Fatalf("the call was ended %d times, and the request is returned with the error %v", n, err)
			}
		}
	})
}
