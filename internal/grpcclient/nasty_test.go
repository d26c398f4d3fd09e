package grpcclient_test

import (
	"context"
	"encoding/base64"
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

// after returns a script that receives a request and does something on its stream.
func after(do func(s *frameServer, id uint32)) func(*frameServer) {
	return func(s *frameServer) {
		if !s.begin() {
			return
		}
		if id, ok := s.awaitRequest(); ok {
			do(s, id)
			s.wait()
		}
	}
}

// TestUnusualResponses contains responses that fail only their call, and how a unary call
// ends. The connection can be used afterwards.
func TestUnusualResponses(t *testing.T) {
	reset := func(code http2.ErrCode) func(*frameServer, uint32) {
		return func(s *frameServer, id uint32) { s.WriteRSTStream(id, code) }
	}
	page := func(status string) func(*frameServer, uint32) {
		return func(s *frameServer, id uint32) {
			s.headers(id, false, ":status", status, "content-type", "text/html")
			s.WriteData(id, true, []byte("<html>"))
		}
	}
	data := func(data ...[]byte) func(*frameServer, uint32) {
		return func(s *frameServer, id uint32) {
			s.start(id)
			for _, d := range data {
				s.WriteData(id, false, d)
			}
			s.finish(id)
		}
	}
	details := "a\xff\x00"
	for name, row := range map[string]struct {
		respond func(*frameServer, uint32)
		want    grpcclient.Error // the message may be longer
	}{
		"status alone": {
			func(s *frameServer, id uint32) {
				s.headers(id, true, ":status", "200", "content-type", "application/grpc", "grpc-status", "5",
					"grpc-message", "100%25 n%C3%A3o%", "grpc-status-details-bin", base64.StdEncoding.EncodeToString([]byte(details)))
			},
			grpcclient.Error{Code: codes.NotFound, Message: "100% não%", Details: []byte(details), Answered: true},
		},
		"malformed status": {
			func(s *frameServer, id uint32) { s.headers(id, true, ":status", "200", "grpc-status", "five") },
			grpcclient.Error{Code: codes.Unknown, Answered: true},
		},
		"status of a proxy": {
			func(s *frameServer, id uint32) { s.headers(id, true, ":status", "503", "grpc-status", "8") },
			grpcclient.Error{Code: codes.ResourceExhausted, Answered: true},
		},
		"no status": {
			func(s *frameServer, id uint32) { s.start(id); s.headers(id, true, "other", "field") },
			grpcclient.Error{Code: codes.Unknown, Message: "the response has no status"},
		},
		"no trailers": {
			func(s *frameServer, id uint32) { s.start(id); s.WriteData(id, true, message("a")) },
			grpcclient.Error{Code: codes.Internal, Message: "the server has ended the stream without a status"},
		},
		"no message": {
			func(s *frameServer, id uint32) { s.start(id); s.finish(id) },
			grpcclient.Error{Code: codes.Internal, Message: "the server has sent no message"},
		},
		"two messages":           {data(message("a"), message("b")), grpcclient.Error{Code: codes.Internal, Message: "the server has sent several messages"}},
		"half a message":         {data(message("abc")[:7]), grpcclient.Error{Code: codes.Internal, Message: "the last message is shorter than its length"}},
		"half a prefix":          {data(message("abc")[:3]), grpcclient.Error{Code: codes.Internal, Message: "the last message is shorter than its length"}},
		"compressed message":     {data([]byte{1, 0, 0, 0, 0}), grpcclient.Error{Code: codes.Internal, Message: "the server has compressed a message"}},
		"malformed prefix":       {data([]byte{2, 0, 0, 0, 0}), grpcclient.Error{Code: codes.Internal, Message: "malformed message"}},
		"message over the limit": {data([]byte{0, 0xff, 0xff, 0xff, 0xff}), grpcclient.Error{Code: codes.ResourceExhausted, Message: "a message of 4294967295 bytes is over the limit"}},
		"data before headers": {
			func(s *frameServer, id uint32) { s.WriteData(id, false, message("a")) },
			grpcclient.Error{Code: codes.Internal, Message: "the server has violated the protocol of HTTP/2 (PROTOCOL_ERROR)"},
		},
		"headers twice": {
			func(s *frameServer, id uint32) { s.start(id); s.start(id) },
			grpcclient.Error{Code: codes.Internal, Message: "the server has violated the protocol"},
		},
		"unknown pseudo-header": {
			func(s *frameServer, id uint32) { s.headers(id, false, ":status", "200", ":path", "/") },
			grpcclient.Error{Code: codes.Internal, Message: "the server has violated the protocol"},
		},
		"window overflow": {
			func(s *frameServer, id uint32) {
				s.WriteWindowUpdate(id, math.MaxInt32)
				s.WriteWindowUpdate(id, math.MaxInt32)
			},
			grpcclient.Error{Code: codes.Internal, Message: "the server has violated the protocol of HTTP/2 (FLOW_CONTROL_ERROR)"},
		},
		"content type":       {func(s *frameServer, id uint32) { s.headers(id, false, ":status", "200", "content-type", "text/html") }, grpcclient.Error{Code: codes.Unknown, Message: `the response has the content type "text/html"`}},
		"HTTP 400":           {page("400"), grpcclient.Error{Code: codes.Internal, HTTP: 400}},
		"HTTP 401":           {page("401"), grpcclient.Error{Code: codes.Unauthenticated, HTTP: 401}},
		"HTTP 403":           {page("403"), grpcclient.Error{Code: codes.PermissionDenied, HTTP: 403}},
		"HTTP 404":           {page("404"), grpcclient.Error{Code: codes.Unimplemented, HTTP: 404, Message: "HTTP 404 (Not Found) instead of a gRPC response"}},
		"HTTP 413":           {page("413"), grpcclient.Error{Code: codes.Unknown, HTTP: 413, NotProcessed: true, Message: "the proxy refuses a request of this size (HTTP 413)"}},
		"HTTP 429":           {page("429"), grpcclient.Error{Code: codes.Unavailable, HTTP: 429}},
		"HTTP 502":           {page("502"), grpcclient.Error{Code: codes.Unavailable, HTTP: 502, Message: "HTTP 502 (Bad Gateway) instead of a gRPC response; a proxy may be unable to reach the server"}},
		"HTTP 503":           {page("503"), grpcclient.Error{Code: codes.Unavailable, HTTP: 503}},
		"HTTP 504":           {page("504"), grpcclient.Error{Code: codes.Unavailable, HTTP: 504}},
		"HTTP 500":           {page("500"), grpcclient.Error{Code: codes.Unknown, HTTP: 500}},
		"HTTP 502 alone":     {func(s *frameServer, id uint32) { s.headers(id, true, ":status", "502") }, grpcclient.Error{Code: codes.Unavailable, HTTP: 502}},
		"NO_ERROR":           {reset(http2.ErrCodeNo), grpcclient.Error{Code: codes.Internal, Message: "the stream was reset (NO_ERROR)"}},
		"PROTOCOL_ERROR":     {reset(http2.ErrCodeProtocol), grpcclient.Error{Code: codes.Internal}},
		"INTERNAL_ERROR":     {reset(http2.ErrCodeInternal), grpcclient.Error{Code: codes.Internal}},
		"FLOW_CONTROL_ERROR": {reset(http2.ErrCodeFlowControl), grpcclient.Error{Code: codes.Internal}},
		"REFUSED_STREAM":     {reset(http2.ErrCodeRefusedStream), grpcclient.Error{Code: codes.Unavailable, NotProcessed: true}},
		"CANCEL":             {reset(http2.ErrCodeCancel), grpcclient.Error{Code: codes.Canceled}},
		"COMPRESSION_ERROR":  {reset(http2.ErrCodeCompression), grpcclient.Error{Code: codes.Internal}},
		"ENHANCE_YOUR_CALM":  {reset(http2.ErrCodeEnhanceYourCalm), grpcclient.Error{Code: codes.ResourceExhausted}},
		"INADEQUATE":         {reset(http2.ErrCodeInadequateSecurity), grpcclient.Error{Code: codes.PermissionDenied}},
		"unknown error code": {reset(1 << 30), grpcclient.Error{Code: codes.Internal}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := scripts(t, nil, func(s *frameServer) {
				if !s.begin() {
					return
				}
				for {
					id, ok := s.awaitRequest()
					switch {
					case !ok:
						return
					case id <= 3 && row.want.NotProcessed && row.want.HTTP == 0, id == 1:
						row.respond(s, id)
					default:
						s.answer(id, "answered")
					}
				}
			})
			_, err := call(t, within(t, patience), c, echo, "")
			got := *failureOf(t, err)
			if strings.HasPrefix(got.Message, row.want.Message) {
				got.Message = row.want.Message
			}
			if got.Code != row.want.Code || got.Message != row.want.Message || string(got.Details) != string(row.want.Details) ||
				got.Answered != row.want.Answered || got.NotProcessed != row.want.NotProcessed || got.HTTP != row.want.HTTP {
				t.Errorf("it ended with\n\t%+v\nnot\n\t%+v", got, row.want)
			}
			wantAnswered(t, within(t, patience), c)
		})
	}
}

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

func TestUnusualResponsesThatSucceed(t *testing.T) {
	for name, respond := range map[string]func(s *frameServer, id uint32){
		"headers in pieces": func(s *frameServer, id uint32) {
			block := append([]byte(nil), s.encode(":status", "200", "content-type", "application/grpc")...)
			s.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block[:1], PadLength: 3})
			s.WriteContinuation(id, false, block[1:2])
			s.WriteContinuation(id, true, block[2:])
			s.WriteData(id, false, message("answered"))
			s.finish(id)
		},
		"message in bytes, padded": func(s *frameServer, id uint32) {
			s.start(id)
			for _, b := range message("answered") {
				s.WriteDataPadded(id, false, []byte{b}, []byte{0, 0})
				s.WriteData(id, false, nil)
			}
			s.finish(id)
		},
		"informational headers": func(s *frameServer, id uint32) {
			s.headers(id, false, ":status", "103", "link", "a")
			s.answer(id, "answered")
		},
		"frames between": func(s *frameServer, id uint32) {
			s.start(id)
			s.WriteSettings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: 0}, http2.Setting{ID: 99, Val: 1})
			s.WritePing(false, [8]byte{1})
			s.WriteRawFrame(99, 0, id, []byte("unknown"))
			s.WritePriority(id, http2.PriorityParam{Weight: 1})
			s.WriteData(id, false, message("answered"))
			s.WriteWindowUpdate(id, 1)
			s.finish(id)
			s.WriteRSTStream(id, http2.ErrCodeNo) // of a stream that has ended
			s.WriteWindowUpdate(id, 1)
			s.start(id)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := scripts(t, nil, func(s *frameServer) {
				if !s.begin() {
					return
				}
				for {
					id, ok := s.awaitRequest()
					if !ok {
						return
					}
					respond(s, id)
				}
			})
			for range 3 {
				wantAnswered(t, within(t, patience), c)
			}
		})
	}
}

// A few bytes of a header block can refer to a large field many times.
func TestHeadersThatGrowAreBounded(t *testing.T) {
	c := scripts(t, nil, after(func(s *frameServer, id uint32) {
		block := append([]byte(nil), s.encode(":status", "200", "content-type", "application/grpc", "a", strings.Repeat("a", 3000))...)
		for range 1000 {
			block = append(block, s.encode("a", strings.Repeat("a", 3000))...)
		}
		s.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndHeaders: true})
	}))
	if _, err := call(t, within(t, patience), c, echo, ""); failureOf(t, err).Message != "the headers of the response are too large" {
		t.Error(err)
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
		if code, ok := s.awaitReset(); ok && code != http2.ErrCodeFlowControl {
			t.Errorf("the stream was reset with %v", code)
		}
		s.answer(id+2, "answered")
		s.wait()
	})
	stream, err := c.Open(within(t, patience), echo, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	// Its answer follows the data that nobody reads.
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
