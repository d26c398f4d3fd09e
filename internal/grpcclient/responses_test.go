package grpcclient_test

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

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
					case id <= 5 && row.want.NotProcessed && row.want.HTTP == 0, id == 1:
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

// The same bytes of a header block can have another meaning later.
func TestRepeatedHeaderBlocksAreDecodedAgainAfterChanges(t *testing.T) {
	var n atomic.Int64
	respond := func(s *frameServer, id uint32, n int) {
		fields := []string{":status", "200", "grpc-status", strconv.Itoa(1 + n%3), "grpc-message", strconv.Itoa(n % 4)}
		if n%10 == 9 {
			fields = append(fields, "a", strconv.Itoa(n), "b", strconv.Itoa(n)) // move the others in the table
		}
		s.headers(id, true, fields...)
	}
	c := scripts(t, nil, func(s *frameServer) {
		if !s.begin() {
			return
		}
		for {
			id, ok := s.awaitRequest()
			if !ok {
				return
			}
			respond(s, id, int(n.Load()))
		}
	})
	for i := range 300 {
		n.Store(int64(i))
		_, err := call(t, within(t, patience), c, echo, "")
		if failed := failureOf(t, err); failed.Code != codes.Code(1+i%3) || failed.Message != strconv.Itoa(i%4) {
			t.Fatalf("response %d: %v", i, err)
		}
	}
}
