package grpcclient

import (
	"fmt"
	"strings"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
)

// handle handles a frame.
func (s *session) handle(frame http2.Frame) error {
	switch f := frame.(type) {
	case *http2.DataFrame:
		return s.onData(f)
	case *http2.HeadersFrame:
		s.answers.ended = f.StreamEnded()
		return s.onHeaders(f.StreamID, f.HeaderBlockFragment(), f.HeadersEnded())
	case *http2.ContinuationFrame:
		return s.onHeaders(f.StreamID, f.HeaderBlockFragment(), f.HeadersEnded())
	case *http2.WindowUpdateFrame:
		return s.onWindowUpdate(f)
	case *http2.RSTStreamFrame:
		return s.onReset(f)
	case *http2.SettingsFrame:
		if f.IsAck() {
			return nil
		}
		return s.onSettings(f)
	case *http2.PingFrame:
		return s.onPing(f)
	case *http2.GoAwayFrame:
		s.onGoAway(f)
	case *http2.PushPromiseFrame:
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	return nil // unknown frames are ignored
}

// onHeaders handles a part of a header block.
func (s *session) onHeaders(id uint32, fragment []byte, last bool) error {
	if !last {
		return s.answers.Add(fragment)
	}
	a, err := s.answers.Read(fragment)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.find(id)
	if c == nil || err != nil {
		return err
	}
	s.output.wasRead(c.sent)
	if p := s.conn.options.Positions; p != nil && !a.malformed {
		p.Raise(a.position)
	}
	switch {
	case a.malformed:
		return http2.StreamError{StreamID: id, Code: http2.ErrCodeProtocol}
	case s.answers.ended:
		s.finish(c, a)
	case c.headers:
		return http2.StreamError{StreamID: id, Code: http2.ErrCodeProtocol}
	case a.isInformational():
	default:
		if failed := a.refusal(); failed != nil {
			s.abort(c, http2.ErrCodeCancel, failed)
			return nil
		}
		c.headers = true
	}
	return nil
}

// find returns the call of a stream, or nil if it has ended. It fails if there was none. The
// caller must hold mu.
func (s *session) find(id uint32) (*call, error) {
	if id >= s.nextID || id%2 == 0 {
		return nil, http2.ConnectionError(http2.ErrCodeProtocol)
	}
	return s.calls[id], nil
}

// finish ends a call whose status has arrived. The caller must hold mu.
func (s *session) finish(c *call, a *answer) {
	failed := a.outcome(c.headers)
	if failed == nil && c.inbox.isPartial() {
		failed = internal("the last message is shorter than its length prefix")
	}
	if !c.whole {
		s.output.reset(c.id, http2.ErrCodeCancel) // the server does not read the rest
	}
	s.end(c, failed)
}

// onData handles a part of a response.
func (s *session) onData(f *http2.DataFrame) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.received += f.Length; s.received >= s.conn.options.ConnWindow/4 {
		// What is not read is bounded by the windows of the streams.
		s.output.addWindow(0, s.received)
		s.received = 0
	}
	c, err := s.find(f.StreamID)
	if c == nil || err != nil {
		return err
	}
	if !c.headers {
		return http2.StreamError{StreamID: c.id, Code: http2.ErrCodeProtocol}
	}
	if c.window -= int64(f.Length); c.window < 0 {
		return http2.StreamError{StreamID: c.id, Code: http2.ErrCodeFlowControl}
	}
	failed := c.inbox.add(f.Data())
	if c.unary && c.inbox.count > 1 {
		failed = internal("the server has sent several messages for a unary call")
	}
	if failed != nil {
		s.abort(c, http2.ErrCodeCancel, failed)
		return nil
	}
	c.held += f.Length
	if f.StreamEnded() {
		s.end(c, internal("the server has ended the stream without a status"))
		return nil
	}
	if c.unary || c.waits {
		s.release(c, c.held)
	}
	if c.waits && c.inbox.hasMessage() {
		c.waits = false
		c.notify()
	}
	return nil
}

// release lets the server send as many bytes again as were read. The caller must hold mu.
func (s *session) release(c *call, n uint32) {
	c.held -= n
	if c.unsent += n; c.unsent >= s.conn.options.StreamWindow/4 && !c.ended {
		c.window += int64(c.unsent)
		s.output.addWindow(c.id, c.unsent)
		c.unsent = 0
	}
}

// maxSettings is the maximum number of settings in a frame. Each may change all streams.
const maxSettings = 100

// onSettings applies settings of the server.
func (s *session) onSettings(f *http2.SettingsFrame) error {
	if f.NumSettings() > maxSettings {
		return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	window := s.output.streamWindow
	err := f.ForeachSetting(func(setting http2.Setting) error {
		if err := setting.Valid(); err != nil {
			return err
		}
		switch setting.ID {
		case http2.SettingHeaderTableSize:
			s.output.encoder.SetMaxDynamicTableSizeLimit(min(setting.Val, 4096))
			s.output.fields.blocks = nil
		case http2.SettingMaxConcurrentStreams:
			s.maxCalls = min(setting.Val, maxStreamID)
		case http2.SettingInitialWindowSize:
			window = int64(setting.Val) // of several, the last is what counts
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.grant()
	s.output.acknowledgeSettings()
	return s.setStreamWindow(window)
}

// setStreamWindow sets the initial window of streams, and changes that of the calls in
// progress by the difference. The caller must hold mu.
func (s *session) setStreamWindow(window int64) error {
	difference := window - s.output.streamWindow
	if difference == 0 {
		return nil
	}
	s.output.streamWindow = window
	for _, c := range s.calls {
		if c.sendable += difference; c.sendable > maxWindow {
			return http2.ConnectionError(http2.ErrCodeFlowControl)
		}
	}
	s.wakeBlocked()
	return nil
}

// onWindowUpdate lets more be sent.
func (s *session) onWindowUpdate(f *http2.WindowUpdateFrame) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.StreamID == 0 {
		if s.output.window += int64(f.Increment); s.output.window > maxWindow {
			return http2.ConnectionError(http2.ErrCodeFlowControl)
		}
		s.wakeBlocked()
		return nil
	}
	c, err := s.find(f.StreamID)
	if c == nil || err != nil {
		return err
	}
	if c.sendable += int64(f.Increment); c.sendable > maxWindow {
		return http2.StreamError{StreamID: c.id, Code: http2.ErrCodeFlowControl}
	}
	if !c.whole {
		c.notify()
	}
	return nil
}

// onReset ends a call whose stream the server has reset.
func (s *session) onReset(f *http2.RSTStreamFrame) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.find(f.StreamID)
	if c == nil || err != nil {
		return err
	}
	failed := resetError(f.ErrCode)
	failed.NotProcessed = failed.NotProcessed && !c.headers
	s.end(c, failed)
	return nil
}

// onPing answers a ping.
func (s *session) onPing(f *http2.PingFrame) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.IsAck() {
		s.output.wasRead(s.output.ping)
		return nil
	}
	s.output.acknowledgePing(f.Data)
	return nil
}

// tooManyPings is the text of GOAWAY by which gRPC servers refuse pings.
const tooManyPings = "too_many_pings"

// onGoAway makes new calls use another session, and ends the calls that the server has not
// processed.
func (s *session) onGoAway(f *http2.GoAwayFrame) {
	text := errDrained.Error()
	if f.ErrCode != http2.ErrCodeNo {
		text = fmt.Sprintf("%s (%v %.100q)", text, f.ErrCode, f.DebugData())
	}
	if f.ErrCode == http2.ErrCodeEnhanceYourCalm && strings.Contains(string(f.DebugData()), tooManyPings) {
		keepAlive := s.conn.keepAlive.Load()
		s.conn.keepAlive.Store(max(keepAlive, min(2*keepAlive, int64(maxKeepAlive))))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
	for id, c := range s.calls {
		if id > f.LastStreamID {
			s.end(c, &Error{Code: codes.Unavailable, Message: text, NotProcessed: !c.headers})
		}
	}
	s.retire()
}
