package grpcclient_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"

	"github.com/umadb-go/umadb/internal/grpcclient"
)

// holding answers all requests except those with the text "hold". It allows one call at a time.
func holding(s *frameServer) {
	if !s.begin(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1}) {
		return
	}
	s.await(func(f http2.Frame) bool {
		if data, ok := f.(*http2.DataFrame); ok && !bytes.Contains(data.Data(), []byte("hold")) {
			s.answer(data.StreamID, "answered")
		}
		return false
	})
}

// A call that was allowed to start, and ends with its context at the same time, lets the next one start.
func TestCallThatNoLongerWaitsLetsTheNextOneStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := scripts(t, nil, holding)
		for range 50 {
			held, err := c.Open(t.Context(), echo, encode("hold"))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended, next := make(chan error, 1), make(chan error, 1)
			go func() { _, err := call(t, ctx, c, echo, "first"); ended <- err }()
			synctest.Wait()
			go func() { _, err := call(t, within(t, time.Second), c, echo, "second"); next <- err }()
			synctest.Wait()
			cancel()
			held.Close()
			<-ended
			if err := <-next; err != nil {
				t.Fatal(err)
			}
		}
	})
}

// expired is a context whose deadline has passed, and that is not done yet.
type expired struct{ context.Context }

func (expired) Deadline() (time.Time, bool) { return time.Now().Add(-1), true }

func TestServerMayNoticeFirstThatTheDeadlineHasPassed(t *testing.T) {
	c := scripts(t, nil, after(func(s *frameServer, id uint32) { s.WriteRSTStream(id, http2.ErrCodeCancel) }))
	if _, err := call(t, expired{t.Context()}, c, echo, ""); failureOf(t, err).Code != codes.DeadlineExceeded {
		t.Error(err)
	}
}

// Calls that wait are listed once, also if they are woken in vain, and not after their end.
func TestListOfBlockedCallsDoesNotGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := scripts(t, nil, func(s *frameServer) {
			if !s.begin() {
				return
			}
			total := 0
			frame := s.await(func(f http2.Frame) bool {
				if data, ok := f.(*http2.DataFrame); ok {
					total += len(data.Data())
				}
				return total == 65535 // the window of the connection
			})
			for range 20 {
				s.WriteWindowUpdate(frame.Header().StreamID, 1)
				time.Sleep(time.Millisecond)
			}
			s.WriteWindowUpdate(0, 10<<20)
			time.Sleep(time.Hour) // the output is full
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); call(t, ctx, c, echo, strings.Repeat("x", 1<<20)) }()
		time.Sleep(time.Second)
		if n := grpcclient.Blocked(c); n > 1 {
			t.Errorf("one call waits for the window of the connection, and %d are listed", n)
		}
		for range 20 {
			call(t, within(t, time.Millisecond), c, echo, strings.Repeat("x", 100_000))
		}
		if n := grpcclient.Blocked(c); n > 1 {
			t.Errorf("one call waits, and %d are listed", n)
		}
		cancel()
		<-done
	})
}

// A server that has answered has processed the call, even if it denies that.
func TestAnsweredCallIsNotMadeAgain(t *testing.T) {
	c := scripts(t, nil, after(func(s *frameServer, id uint32) {
		s.start(id)
		s.WriteGoAway(0, http2.ErrCodeNo, nil)
	}), answering)
	if _, err := call(t, within(t, patience), c, echo, ""); failureOf(t, err).NotProcessed {
		t.Error(err)
	}
}
