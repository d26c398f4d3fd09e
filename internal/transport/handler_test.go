package transport_test

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/umadb-go/umadb/internal/transport"
)

// The methods of a testHandler. Requests and answers are bytes without an encoding.
const (
	inlineEcho  = "/test/InlineEcho"  // answered at once
	laterEcho   = "/test/LaterEcho"   // inline, answered by another goroutine
	inlineGrow  = "/test/InlineGrow"  // the request is a number of bytes to answer with
	inlineFail  = "/test/InlineFail"  // fails with failure
	inlineNever = "/test/InlineNever" // is never answered
	declined    = "/test/Declined"    // offered to Begin, which does not take it; an echo
	unaryEcho   = "/test/UnaryEcho"   // served
	countDown   = "/test/CountDown"   // the request is "messages bytes": server streaming
	bidiEcho    = "/test/BidiEcho"    // echoes each message
	failing     = "/test/Failing"     // served; reads no request and fails with failure
	protoEcho   = "/test/ProtoEcho"   // served, with a message in protobuf
	never       = "/test/Never"       // served; waits for the end of its context
)

func isInline(method string) bool {
	return slices.Contains([]string{inlineEcho, laterEcho, inlineGrow, inlineFail, inlineNever, declined}, method)
}

// failure is the status with which calls fail.
func failure() *status.Status {
	s, err := status.New(codes.FailedPrecondition, "100 % não, 日本\n").WithDetails(&errdetails.ErrorInfo{Reason: "TEST"})
	if err != nil {
		panic(err)
	}
	return s
}

// failureTrailer is sent with failure.
var failureTrailer = metadata.Pairs("text", "one", "text", "two", "raw-bin", "\x00\xff")

// refusal is the status of calls with a field "refuse".
var refusal = status.New(codes.PermissionDenied, " refused ")

// testHandler counts what the server calls.
type testHandler struct {
	admit    func(*transport.Stream) error // called by Admit if it is not nil
	begin    func(*transport.Stream)       // called by Begin if it is not nil
	answered func(*transport.Stream)       // called after the answer of inlineEcho if it is not nil
	serve    func(*transport.Stream) error // called by Serve in place of the method, if it is not nil

	mu      sync.Mutex
	changed sync.Cond
	counts  counts
}

// counts are numbers of calls.
type counts struct {
	admitted, started, served, released int
	cancelled, blocked                  int
	inUse                               int // admitted and not released
}

func newHandler() *testHandler {
	h := new(testHandler)
	h.changed.L = &h.mu
	return h
}

func (h *testHandler) count(change func(*counts)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(&h.counts)
	h.changed.Broadcast()
}

func (h *testHandler) now() counts {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.counts
}

// await waits until a condition is true, and reports false if that takes too long.
func (h *testHandler) await(holds func(counts) bool) bool {
	late := false
	timeout := time.AfterFunc(patience, func() { h.count(func(*counts) { late = true }) })
	defer timeout.Stop()
	h.mu.Lock()
	defer h.mu.Unlock()
	for !holds(h.counts) && !late {
		h.changed.Wait()
	}
	return holds(h.counts)
}

// check returns an error unless each admitted call was handled at most once and was
// released once.
func (h *testHandler) check() error {
	h.await(func(c counts) bool { return c.inUse == 0 })
	c := h.now()
	if c.inUse != 0 || c.admitted != c.released || c.started+c.served > c.admitted {
		return fmt.Errorf("calls: %+v", c)
	}
	return nil
}

// state is the state of an admitted call.
type state struct {
	method string
	phase  atomic.Int32 // one of the constants below
}

const (
	idle     int32 = iota // admitted only
	working               // Serve runs, or Begin has succeeded and the call is not answered
	answered              // Serve has returned, or the call was answered
	released
)

// move changes the phase of a call. A call must not be handled twice, nor after its release.
func (s *state) move(from, to int32) {
	if !s.phase.CompareAndSwap(from, to) {
		panic(fmt.Sprintf("%s: phase %d, want %d", s.method, s.phase.Load(), from))
	}
}

// Admit implements transport.Handler.
func (h *testHandler) Admit(s *transport.Stream) error {
	if h.admit != nil {
		if err := h.admit(s); err != nil {
			return err
		}
	}
	if s.Header().Get("refuse") != "" {
		return refusal.Err()
	}
	s.State = &state{method: s.Header().Method}
	h.count(func(c *counts) { c.admitted++; c.inUse++ })
	return nil
}

// Begin implements transport.Handler.
func (h *testHandler) Begin(s *transport.Stream, request []byte) bool {
	if h.begin != nil {
		h.begin(s)
	}
	if s.Header().Method == declined {
		return false
	}
	call := s.State.(*state)
	call.move(idle, working)
	h.count(func(c *counts) { c.started++ })
	reply := func(answer []byte) {
		call.move(working, answered)
		s.Reply(answer)
	}
	switch s.Header().Method {
	case inlineEcho:
		reply(request)
		if h.answered != nil {
			h.answered(s)
		}
	case laterEcho:
		copied := append([]byte(nil), request...)
		go reply(copied)
	case inlineGrow:
		var n int
		fmt.Sscan(string(request), &n)
		reply(content(bounded(n)))
	case inlineFail:
		call.move(working, answered)
		s.Fail(failure(), failureTrailer)
	case inlineNever:
		s.OnCancel(func() {
			h.count(func(c *counts) { c.cancelled++ })
			reply(nil)
		})
	}
	return true
}

// Release implements transport.Handler.
func (h *testHandler) Release(s *transport.Stream) {
	call := s.State.(*state)
	if !call.phase.CompareAndSwap(answered, released) {
		call.move(idle, released)
	}
	h.count(func(c *counts) { c.released++; c.inUse-- })
}

// Blocked implements transport.Handler.
func (h *testHandler) Blocked(s *transport.Stream) {
	if phase := s.State.(*state).phase.Load(); phase != answered {
		panic(fmt.Sprintf("a call in phase %d waits for a window", phase))
	}
	h.count(func(c *counts) { c.blocked++ })
}

// Serve implements transport.Handler.
func (h *testHandler) Serve(s *transport.Stream) error {
	call := s.State.(*state)
	call.move(idle, working)
	defer call.move(working, answered)
	h.count(func(c *counts) { c.served++ })
	if h.serve != nil {
		return h.serve(s)
	}
	switch s.Header().Method {
	case failing:
		s.SetTrailer(failureTrailer)
		return failure().Err()
	case never:
		<-s.Context().Done()
		return status.FromContextError(s.Context().Err()).Err()
	case bidiEcho:
		for {
			if err := echo(s); err != nil {
				return endOfRequest(err)
			}
		}
	case countDown:
		return count(s)
	case protoEcho:
		return echoMessage(s)
	}
	if isInline(s.Header().Method) || s.Header().Method == unaryEcho {
		md := incoming(s)
		_ = s.SetHeader(metadata.MD{"got": md["send"], "got-bin": md["send-bin"]})
		s.SetTrailer(metadata.MD{"done": md["send"], "done-bin": md["send-bin"]})
		if err := echo(s); err != nil {
			return err
		}
		return endOfRequest(s.Fill(make([]byte, 1)))
	}
	return status.Errorf(codes.Unimplemented, "unknown method %q", s.Header().Method)
}

// incoming returns the fields of the headers, with binary values decoded.
func incoming(s *transport.Stream) metadata.MD {
	md := metadata.MD{}
	s.Header().Fields(func(name, value string) {
		if strings.HasSuffix(name, "-bin") {
			decoded, _ := base64.RawStdEncoding.DecodeString(value)
			value = string(decoded)
		}
		md.Append(name, value)
	})
	return md
}

// receive receives a message as bytes.
func receive(s *transport.Stream) ([]byte, error) {
	header := make([]byte, 5)
	if err := s.Fill(header); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(header[1:])
	if length > most {
		return nil, status.Error(codes.ResourceExhausted, "too large")
	}
	received := make([]byte, length)
	return received, s.Fill(received)
}

// most is the largest number in requests.
const most = 2 << 20

func bounded(n int) int { return max(0, min(n, most)) }

func echo(s *transport.Stream) error {
	received, err := receive(s)
	if err != nil {
		return err
	}
	return s.Send(received, false)
}

// echoMessage is echo with a message that is decoded.
func echoMessage(s *transport.Stream) error {
	var received wrapperspb.BytesValue
	if err := s.RecvMsg(&received); err != nil {
		return err
	}
	return s.SendMsg(&received)
}

// count answers a call of countDown.
func count(s *transport.Stream) error {
	request, err := receive(s)
	if err != nil {
		return err
	}
	var messages, size int
	fmt.Sscan(string(request), &messages, &size)
	for range bounded(messages) {
		if err := s.Send(content(bounded(size)), false); err != nil {
			return err
		}
	}
	return nil
}

func endOfRequest(err error) error {
	if errors.Is(err, errEOF) {
		return nil
	}
	return err
}

// content returns n bytes that are not all the same.
func content(n int) []byte {
	bytes := make([]byte, n)
	for i := range bytes {
		bytes[i] = byte(i * 7 >> 3)
	}
	return bytes
}
