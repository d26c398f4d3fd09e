package transport_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/umadb-go/umadb/internal/transport"
)

// Headers that a handler has set are sent even if the call then fails.
func TestHeadersOfFailedCall(t *testing.T) {
	r := start(t)
	r.handler.serve = func(s *transport.Stream) error {
		if err := s.SetHeader(metadata.Pairs("one", "1")); err != nil {
			return err
		}
		if err := s.SetHeader(metadata.Pairs("two", "2")); err != nil {
			return err
		}
		s.SetTrailer(metadata.Pairs("three", "3"))
		return failure().Err()
	}
	var header, trailer metadata.MD
	_, err := invoke(within(t), r.client(t), unaryEcho, nil, grpc.Header(&header), grpc.Trailer(&trailer))
	if status.Code(err) != codes.FailedPrecondition {
		t.Error(err)
	}
	if !slices.Equal(header["one"], []string{"1"}) || !slices.Equal(header["two"], []string{"2"}) || len(header["three"]) > 0 {
		t.Errorf("headers %v", header)
	}
	if !slices.Equal(trailer["three"], []string{"3"}) || len(trailer["one"]) > 0 {
		t.Errorf("trailers %v", trailer)
	}
}

func TestSendHeader(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		release := make(chan struct{})
		r.handler.serve = func(s *transport.Stream) error {
			if err := s.SendHeader(metadata.Pairs("name", "value")); err != nil {
				return err
			}
			if s.SendHeader(nil) == nil || s.SetHeader(nil) == nil {
				t.Error("headers were sent twice")
			}
			<-release
			return nil
		}
		c := r.connect()
		id := c.call(unaryEcho, nil)
		if a := c.answer(id); a.ended || !slices.Equal(a.header["name"], []string{"value"}) {
			t.Errorf("before the handler returns: %s", a)
		}
		close(release)
		c.wantStatus(id, "0")
	})
}

// The last message is written with the end of the call.
func TestLastMessage(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		release := make(chan struct{})
		r.handler.serve = func(s *transport.Stream) error {
			for i, last := range []bool{false, true} {
				if err := s.Send([]byte{byte(i)}, last); err != nil {
					return err
				}
				<-release
			}
			return nil
		}
		c := r.connect()
		id := c.call(unaryEcho, nil)
		first := message([]byte{0})
		if a := c.answer(id); !bytes.Equal(a.data, first) {
			t.Errorf("after a message: %s", a)
		}
		release <- struct{}{}
		if a := c.answer(id); !bytes.Equal(a.data, first) {
			t.Errorf("before the handler returns: %s", a)
		}
		close(release)
		c.wantEcho(id, []byte{0}, []byte{1})
	})
}

func TestServedStream(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		r.handler.serve = func(s *transport.Stream) error {
			ctx := s.Context()
			if s.Method() != unaryEcho || s.Conn().RemoteAddr() == nil {
				t.Errorf("method %q, connection %v", s.Method(), s.Conn())
			}
			if deadline, ok := ctx.Deadline(); !ok || !deadline.Equal(s.Deadline()) {
				t.Errorf("deadline %v, of the context %v", s.Deadline(), deadline)
			}
			s.SetTrailer(metadata.Pairs("name", "value"))
			if err := s.SendMsg("not a message"); status.Code(err) != codes.Internal {
				t.Errorf("SendMsg: %v", err)
			}
			if err := s.RecvMsg(new(wrapperspb.BytesValue)); err != nil {
				return err
			}
			if err := s.RecvMsg(new(wrapperspb.BytesValue)); err != io.EOF {
				t.Errorf("RecvMsg after the last message: %v", err)
			}
			return s.SendMsg(wrapperspb.Bytes([]byte("answer")))
		}
		c := r.connect()
		id := c.call(unaryEcho, nil, "grpc-timeout", "1S")
		c.wantEcho(id, field([]byte("answer")))
		if got := c.answer(id).trailer["name"]; !slices.Equal(got, []string{"value"}) {
			t.Errorf("trailer %q", got)
		}
	})
}

// What waits in Fill, RecvMsg or Send ends with the call.
func TestWaitingEndsWithTheCall(t *testing.T) {
	waits := map[string]func(s *transport.Stream) error{
		"Fill": func(s *transport.Stream) error { return s.Fill(make([]byte, 10)) },
		"RecvMsg": func(s *transport.Stream) error {
			return s.RecvMsg(new(wrapperspb.BytesValue))
		},
		"Send": func(s *transport.Stream) error { return s.Send(content(1<<20), false) },
	}
	ends := map[string]struct {
		end  func(r *running, c *frameClient, s *transport.Stream)
		want codes.Code
	}{
		"reset":    {func(_ *running, c *frameClient, _ *transport.Stream) { c.reset(1) }, codes.Canceled},
		"close":    {func(_ *running, c *frameClient, _ *transport.Stream) { c.conn.Close() }, codes.Canceled},
		"Stop":     {func(r *running, _ *frameClient, _ *transport.Stream) { r.server.Stop() }, codes.Canceled},
		"deadline": {func(*running, *frameClient, *transport.Stream) { time.Sleep(6 * time.Second) }, codes.DeadlineExceeded},
		"End": {func(_ *running, _ *frameClient, s *transport.Stream) {
			s.End(status.New(codes.ResourceExhausted, "too slow"), nil)
		}, codes.Canceled},
	}
	for name, wait := range waits {
		for by, end := range ends {
			t.Run(name+" by "+by, func(t *testing.T) {
				bubble(t, func(t *testing.T, r *running) {
					streams, results := make(chan *transport.Stream, 1), make(chan error, 2)
					r.handler.serve = func(s *transport.Stream) error {
						streams <- s
						err := wait(s)
						results <- err
						results <- s.Send(nil, false)
						return err
					}
					c := r.connect()
					id := c.open(false, callFields(unaryEcho, "grpc-timeout", "5S")...)
					s := <-streams
					synctest.Wait()
					end.end(r, c, s)
					for range 2 {
						if err := <-results; status.Code(err) != end.want {
							t.Errorf("%v, want %v", err, end.want)
						}
					}
					if by == "End" {
						c.wantStatus(id, "8")
					}
					r.settled()
				})
			})
		}
	}
}

func TestFill(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		type result struct {
			data []byte
			err  error
		}
		sizes, results := make(chan int), make(chan result)
		r.handler.serve = func(s *transport.Stream) error {
			for size := range sizes {
				data := make([]byte, size)
				err := s.Fill(data)
				results <- result{data, err}
			}
			return nil
		}
		c := r.connect()
		id := c.open(false, callFields(unaryEcho)...)
		want := func(size int, data string, err error) {
			t.Helper()
			sizes <- size
			if got := <-results; !errors.Is(got.err, err) || got.err == nil && string(got.data) != data {
				t.Errorf("%q, %v; want %q, %v", got.data, got.err, data, err)
			}
		}
		want(0, "", nil)
		c.data(id, false, []byte("abcdef"))
		want(2, "ab", nil)
		want(3, "cde", nil)
		c.data(id, true, []byte("gh"))
		want(2, "fg", nil)
		want(2, "", io.ErrUnexpectedEOF)
		want(1, "", io.EOF)
		close(sizes)
	})
}

func TestEndArriving(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		c := r.connect()
		slow := status.New(codes.DeadlineExceeded, "slow")
		inline := c.open(false, callFields(inlineEcho)...)
		served := c.open(false, callFields(never)...)
		whole := c.call(never, nil)
		c.received()
		before := time.Now().Add(time.Second)
		elapse(2 * time.Second)
		later := c.open(false, callFields(inlineEcho)...)
		c.received()
		r.server.EndArriving(before, slow)
		c.wantStatus(inline, "4")
		c.wantStatus(served, "4")
		for _, id := range []uint32{whole, later} {
			if a := c.answer(id); a.ended || a.reset != "" {
				t.Errorf("stream %d: %s", id, a)
			}
		}
		c.data(later, true, message(nil))
		c.wantEcho(later, nil)
		c.reset(whole)
		r.settled()
	})
}

func TestIsArriving(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		streams := make(chan *transport.Stream, 1)
		r.handler.admit = func(s *transport.Stream) error { streams <- s; return nil }
		c := r.connect()
		id := c.open(false, callFields(never)...)
		s := <-streams
		synctest.Wait()
		if !s.IsArriving() {
			t.Error("the request has not arrived")
		}
		c.data(id, true, message(nil))
		synctest.Wait()
		if s.IsArriving() || s.EndArriving(status.New(codes.Aborted, ""), nil) {
			t.Error("the request has arrived")
		}
		c.reset(id)
		id = c.open(false, callFields(inlineEcho)...)
		s = <-streams
		synctest.Wait()
		if !s.EndArriving(status.New(codes.Aborted, ""), nil) || s.IsArriving() {
			t.Error("the call was not ended")
		}
		c.wantStatus(id, "10")
		r.settled()
	})
}
