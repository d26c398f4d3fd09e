package grpcclient_test

import (
	"context"
	"io"
	"math"
	"net"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"

	"github.com/umadb-go/umadb/internal/grpcclient"
)

// TestProtocolErrors contains what ends the connection, and the error code that the server
// receives.
func TestProtocolErrors(t *testing.T) {
	for name, row := range map[string]struct {
		do   func(s *frameServer, id uint32)
		code http2.ErrCode
	}{
		"data on a stream that was not opened":    {func(s *frameServer, id uint32) { s.WriteData(id+2, false, []byte("a")) }, http2.ErrCodeProtocol},
		"headers on a stream that was not opened": {func(s *frameServer, id uint32) { s.start(id + 2) }, http2.ErrCodeProtocol},
		"headers on a stream of the server":       {func(s *frameServer, _ uint32) { s.start(2) }, http2.ErrCodeProtocol},
		"reset of a stream that was not opened":   {func(s *frameServer, id uint32) { s.WriteRSTStream(id+2, 0) }, http2.ErrCodeProtocol},
		"window of a stream that was not opened":  {func(s *frameServer, id uint32) { s.WriteWindowUpdate(id+2, 1) }, http2.ErrCodeProtocol},
		"window of the connection overflows":      {func(s *frameServer, _ uint32) { s.WriteWindowUpdate(0, math.MaxInt32) }, http2.ErrCodeFlowControl},
		"initial window makes that of a call overflow": {func(s *frameServer, id uint32) {
			s.WriteWindowUpdate(id, math.MaxInt32-65535)
			s.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: math.MaxInt32})
		}, http2.ErrCodeFlowControl},
		"initial window is too large": {func(s *frameServer, _ uint32) {
			s.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: math.MaxUint32})
		}, http2.ErrCodeFlowControl},
		"many settings": {func(s *frameServer, _ uint32) { s.WriteSettings(make([]http2.Setting, 101)...) }, http2.ErrCodeEnhanceYourCalm},
		"push": {func(s *frameServer, id uint32) {
			s.WritePushPromise(http2.PushPromiseParam{StreamID: id, PromiseID: 2, EndHeaders: true, BlockFragment: s.encode(":method", "GET")})
		}, http2.ErrCodeProtocol},
		"malformed header block": {func(s *frameServer, id uint32) {
			s.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: []byte{0xff, 0xff}, EndHeaders: true})
		}, http2.ErrCodeCompression},
		"continuation without headers": {func(s *frameServer, id uint32) { s.WriteContinuation(id, true, nil) }, http2.ErrCodeProtocol},
		"data between headers and continuation": {func(s *frameServer, id uint32) {
			s.WriteHeaders(http2.HeadersFrameParam{StreamID: id})
			s.WriteData(id, false, nil)
		}, http2.ErrCodeProtocol},
		"padding is longer than the frame": {func(s *frameServer, id uint32) {
			s.WriteRawFrame(http2.FrameData, http2.FlagDataPadded, id, []byte{9, 0})
		}, http2.ErrCodeProtocol},
		"frame is too large": {func(s *frameServer, id uint32) { s.WriteRawFrame(http2.FrameData, 0, id, make([]byte, 16<<10+1)) }, http2.ErrCodeFrameSize},
		"endless header block": {func(s *frameServer, id uint32) {
			s.WriteHeaders(http2.HeadersFrameParam{StreamID: id})
			for s.WriteContinuation(id, false, make([]byte, 16<<10)) == nil {
			}
		}, http2.ErrCodeEnhanceYourCalm},
		"endless empty header block": {func(s *frameServer, id uint32) {
			s.WriteHeaders(http2.HeadersFrameParam{StreamID: id})
			for s.WriteContinuation(id, false, nil) == nil {
			}
		}, http2.ErrCodeEnhanceYourCalm},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			codes := make(chan http2.ErrCode, 1)
			c := scripts(t, nil, func(s *frameServer) {
				if !s.begin() {
					return
				}
				if id, ok := s.awaitRequest(); ok {
					row.do(s, id)
					if code, ok := s.awaitGoAway(); ok {
						codes <- code
					}
				}
				close(codes)
			}, answering)
			_, err := call(t, within(t, patience), c, echo, "")
			if failed := failureOf(t, err); failed.NotProcessed || !strings.HasPrefix(failed.Message, "the connection broke: ") {
				t.Errorf("the call ended with %v", err)
			}
			if code, sent := <-codes; sent && code != row.code {
				t.Errorf("the client sent %v", code)
			}
			wantAnswered(t, within(t, patience), c)
		})
	}
}

func TestRequestWaitsForWindows(t *testing.T) {
	text := strings.Repeat("x", 100<<10)
	received := make(chan int, 1)
	c := scripts(t, nil, func(s *frameServer) {
		if !s.begin(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 10}) {
			return
		}
		total, window, id := 0, 10, uint32(0)
		s.await(func(f http2.Frame) bool {
			data, ok := f.(*http2.DataFrame)
			if !ok {
				return false
			}
			id = data.StreamID
			total += len(data.Data())
			if window -= len(data.Data()); window < 0 {
				t.Errorf("%d bytes over the window", -window)
			}
			if window == 0 {
				s.WriteWindowUpdate(0, 20_000)
				s.WriteWindowUpdate(id, 5_000)
				window += 5_000
			}
			return data.StreamEnded()
		})
		received <- total
		s.answer(id, "answered")
		s.wait()
	})
	got, err := call(t, within(t, patience), c, echo, text)
	if n := <-received; err != nil || got != "answered" || n != len(message(text)) {
		t.Errorf("%q, %v; %d bytes were received", got, err, n)
	}
}

// writeHook calls after after each Write.
type writeHook struct {
	net.Conn
	after func()
}

func (h writeHook) Write(p []byte) (int, error) {
	n, err := h.Conn.Write(p)
	h.after()
	return n, err
}

// The caller that writes its request must notice what happens meanwhile.
func TestWindowThatGrowsDuringWriteIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		change := func(o *grpcclient.Options) {
			dial := o.Dial
			o.Dial = func(ctx context.Context, address string) (net.Conn, error) {
				conn, err := dial(ctx, address)
				return writeHook{conn, func() { time.Sleep(time.Millisecond) }}, err
			}
		}
		c := scripts(t, change, func(s *frameServer) {
			if !s.begin(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20}) {
				return
			}
			if id, ok := s.awaitRequest(); ok {
				s.answer(id, "answered")
			}
			// The rest of the window of the connection.
			s.await(func(f http2.Frame) bool { return f.Header().Type == http2.FrameData })
			s.WriteWindowUpdate(0, 1<<20)
			if id, ok := s.awaitRequest(); ok {
				s.answer(id, "answered")
			}
			s.wait()
		})
		for range 2 {
			if got, err := call(t, within(t, patience), c, echo, strings.Repeat("x", 40_000)); err != nil || got != "answered" {
				t.Errorf("%q, %v", got, err)
			}
			time.Sleep(time.Second) // until the Write of the first request has returned
		}
	})
}

// A server that never ends a response must not fill the memory.
func TestEndlessMessagesOfUnaryCallAreRefused(t *testing.T) {
	c := scripts(t, nil, after(func(s *frameServer, id uint32) {
		s.start(id)
		for s.WriteData(id, false, message("another")) == nil {
		}
	}))
	_, err := call(t, within(t, patience), c, echo, "")
	if failed := failureOf(t, err); failed.Message != "the server has sent several messages for a unary call" {
		t.Error(err)
	}
}

func TestServerThatExceedsWindowIsRefused(t *testing.T) {
	c := scripts(t, nil, func(s *frameServer) {
		if !s.begin() {
			return
		}
		id, ok := s.awaitRequest()
		if !ok {
			return
		}
		s.start(id)
		s.WriteData(id, false, message("first"))
		for range 7 { // 112 KiB, over 100
			s.WriteData(id, false, make([]byte, 16<<10))
		}
		next, isReset := uint32(0), false // in any order
		s.await(func(f http2.Frame) bool {
			switch f := f.(type) {
			case *http2.RSTStreamFrame:
				if isReset = true; f.ErrCode != http2.ErrCodeFlowControl {
					t.Errorf("the stream was reset with %v", f.ErrCode)
				}
			case *http2.DataFrame:
				next = f.StreamID
			}
			return isReset && next > 0
		})
		s.answer(next, "answered")
		s.wait()
	})
	stream, err := c.Open(within(t, patience), echo, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	// Its answer follows the data that are not read.
	wantAnswered(t, within(t, patience), c)
	for {
		if _, err := stream.Next(); err != nil {
			if failureOf(t, err).Message != "the server has violated the protocol of HTTP/2 (FLOW_CONTROL_ERROR)" {
				t.Error(err)
			}
			return
		}
	}
}

func TestRefusedRequestIsNotSentToItsEnd(t *testing.T) {
	reset := make(chan http2.ErrCode, 1)
	c := scripts(t, nil, func(s *frameServer) {
		if !s.begin() {
			return
		}
		frame := s.await(func(f http2.Frame) bool { return f.Header().Type == http2.FrameData })
		if frame == nil {
			return
		}
		id := frame.Header().StreamID
		s.headers(id, true, ":status", "200", "content-type", "application/grpc", "grpc-status", "8")
		if code, ok := s.awaitReset(); ok {
			reset <- code
		}
		s.wait()
	})
	_, err := call(t, within(t, patience), c, echo, strings.Repeat("x", 1<<20))
	if failureOf(t, err).Code != codes.ResourceExhausted {
		t.Error(err)
	}
	if code := <-reset; code != http2.ErrCodeCancel {
		t.Errorf("the stream was reset with %v", code)
	}
}

func TestCallThatIsNotProcessedIsMadeAgain(t *testing.T) {
	for name, first := range map[string]func(*frameServer, uint32){
		"GOAWAY": func(s *frameServer, _ uint32) { s.WriteGoAway(0, http2.ErrCodeNo, nil) },
		"REFUSED_STREAM": func(s *frameServer, id uint32) {
			s.WriteRSTStream(id, http2.ErrCodeRefusedStream)
			s.WriteGoAway(id, 0, nil)
		},
	} {
		wantAnswered(t, within(t, patience), scripts(t, nil, after(first), answering))
		t.Run(name+", always", func(t *testing.T) {
			_, err := call(t, within(t, patience), scripts(t, nil, after(first)), echo, "")
			if failed := failureOf(t, err); failed.Code != codes.Unavailable || !failed.NotProcessed {
				t.Error(err)
			}
		})
	}
}

func TestCallsInProgressEndAfterGoAway(t *testing.T) {
	next := make(chan struct{})
	c := scripts(t, nil, after(func(s *frameServer, id uint32) {
		s.WriteGoAway(id, http2.ErrCodeNo, nil)
		s.start(id)
		s.WriteData(id, false, message("first"))
		<-next
		s.WriteData(id, false, message("second"))
		s.finish(id)
	}), answering)
	stream, err := c.Open(within(t, patience), echo, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if m, err := stream.Next(); err != nil || decode(t, m) != "first" {
		t.Fatal(err)
	}
	wantAnswered(t, within(t, patience), c) // on another connection
	close(next)
	if m, err := stream.Next(); err != nil || decode(t, m) != "second" {
		t.Error(err)
	}
	if _, err := stream.Next(); err != io.EOF {
		t.Error(err)
	}
}

func TestStreamDeliversMessagesBeforeItsError(t *testing.T) {
	for name, end := range map[string]func(*frameServer, uint32){
		"status": func(s *frameServer, id uint32) { s.headers(id, true, "grpc-status", strconv.Itoa(int(codes.Aborted))) },
		"reset":  func(s *frameServer, id uint32) { s.WriteRSTStream(id, http2.ErrCodeInternal) },
		"close":  func(s *frameServer, id uint32) { s.conn.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			c := scripts(t, nil, after(func(s *frameServer, id uint32) {
				s.start(id)
				s.WriteData(id, false, append(message("one"), message("two")...))
				end(s, id)
			}))
			stream, err := c.Open(within(t, patience), echo, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer stream.Close()
			for _, want := range []string{"one", "two"} {
				if m, err := stream.Next(); err != nil || decode(t, m) != want {
					t.Errorf("%q, %v", m, err)
				}
			}
			if _, err := stream.Next(); err == io.EOF || err == nil || !stream.HasHeaders() {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

// A server that sends what must be answered, and does not read.
func TestServerThatDoesNotReadIsDisconnected(t *testing.T) {
	for name, frame := range map[string]func(*frameServer) error{
		"pings":    func(s *frameServer) error { return s.WritePing(false, [8]byte{}) },
		"settings": func(s *frameServer) error { return s.WriteSettings() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := scripts(t, nil, after(func(s *frameServer, id uint32) {
				for frame(s) == nil {
				}
			}))
			if _, err := call(t, within(t, patience), c, echo, ""); failureOf(t, err).Code != codes.Unavailable {
				t.Error(err)
			}
		})
	}
}

// A caller does not wait for a server that does not read.
func TestContextEndsCallOfServerThatDoesNotRead(t *testing.T) {
	hold := make(chan struct{})
	c := scripts(t, nil, func(s *frameServer) {
		if s.begin(http2.Setting{ID: http2.SettingInitialWindowSize, Val: math.MaxInt32}) {
			s.WriteWindowUpdate(0, math.MaxInt32-65535)
			<-hold
		}
	})
	defer close(hold)
	ctx := within(t, time.Second)
	large := encode(strings.Repeat("x", 8<<20))
	done := make(chan error, 10)
	for range 10 {
		go func() {
			_, err := c.Invoke(ctx, echo, large, nil)
			done <- err
		}()
	}
	for range 10 {
		select {
		case err := <-done:
			if failureOf(t, err).Code != codes.DeadlineExceeded {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Fatal("a call has not ended with its context")
		}
	}
	if _, err := call(t, within(t, 10*time.Millisecond), c, echo, ""); failureOf(t, err).Code != codes.DeadlineExceeded {
		t.Error(err)
	}
}

// What shows that a server has read something does not show that it has read everything.
func TestWindowUpdatesDoNotMakeCallersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		defer close(hold)
		c := scripts(t, nil, func(s *frameServer) {
			if !s.begin() {
				return
			}
			s.WriteWindowUpdate(0, 1<<30)
			for range 1000 {
				time.Sleep(time.Millisecond)
				s.WriteWindowUpdate(0, 1)
			}
			<-hold
		})
		text := strings.Repeat("x", 20_000)
		for range 20 {
			if _, err := call(t, within(t, 10*time.Millisecond), c, echo, text); failureOf(t, err).Code != codes.DeadlineExceeded {
				t.Error(err)
			}
		}
	})
}
