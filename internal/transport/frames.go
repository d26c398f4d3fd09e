package transport

import (
	"errors"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/status"
)

// handle handles a frame.
func (c *conn) handle(frame http2.Frame) error {
	switch f := frame.(type) {
	case *http2.DataFrame:
		return c.onData(f)
	case *http2.HeadersFrame:
		if f.HasPriority() && f.Priority.StreamDep == f.StreamID {
			return http2.ConnectionError(http2.ErrCodeProtocol)
		}
		return c.onHeaders(f.StreamID, f.HeaderBlockFragment(), f.HeadersEnded(), f.StreamEnded())
	case *http2.ContinuationFrame:
		return c.onHeaders(f.StreamID, f.HeaderBlockFragment(), f.HeadersEnded(), c.headers.ended)
	case *http2.SettingsFrame:
		if f.IsAck() {
			return nil
		}
		return c.onSettings(f)
	case *http2.PingFrame:
		return c.onPing(f)
	case *http2.WindowUpdateFrame:
		return c.onWindowUpdate(f)
	case *http2.RSTStreamFrame:
		return c.onReset(f)
	case *http2.PriorityFrame:
		if f.StreamDep == f.StreamID {
			return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeProtocol}
		}
	case *http2.PushPromiseFrame:
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	return nil // GOAWAY: the client ends the connection itself; unknown frames are ignored
}

// onHeaders handles a part of a header block.
func (c *conn) onHeaders(id uint32, fragment []byte, last, end bool) error {
	if !last {
		c.headers.ended = end
		return c.headers.Add(fragment)
	}
	header, err := c.headers.Read(fragment)
	if errors.Is(err, errMalformed) {
		err = nil
		header = nil
	}
	if err != nil {
		return err
	}
	if known, err := c.endRequest(id, end); known || err != nil {
		return err
	}
	s, err := c.open(id, header, end)
	if s == nil || err != nil {
		c.noteRefused(err)
		return err
	}
	if header.refusal != nil {
		c.mu.Lock()
		c.refuseHeaders(s)
		c.mu.Unlock()
		return nil
	}
	if err := c.server.handler.Admit(s); err != nil {
		s.End(status.Convert(err), s.trailer)
		return nil
	}
	c.mu.Lock()
	s.phase = admitted
	if s.ended != nil { // the connection was closed meanwhile
		c.server.handler.Release(s)
		c.mu.Unlock()
		return nil
	}
	c.mu.Unlock()
	if !header.inline || end {
		c.serve(s)
	}
	return nil
}

// noteRefused reports an error of open if it is that of too many calls.
func (c *conn) noteRefused(err error) {
	refused, is := errors.AsType[http2.StreamError](err)
	if notify := c.server.options.OnRefused; is && refused.Code == http2.ErrCodeRefusedStream && notify != nil {
		notify(c.accepted)
	}
}

// endRequest handles headers that are the trailers of a request. It reports whether there
// is such a request.
func (c *conn) endRequest(id uint32, end bool) (bool, error) {
	c.mu.Lock()
	s := c.streams[id]
	if s == nil {
		c.mu.Unlock()
		return false, nil
	}
	var err error
	switch {
	case s.body.whole:
		err = http2.StreamError{StreamID: id, Code: http2.ErrCodeStreamClosed}
	case !end:
		err = http2.StreamError{StreamID: id, Code: http2.ErrCodeProtocol}
	default:
		s.body.whole = true
		s.wake()
	}
	unserved := err == nil && s.phase == admitted
	c.mu.Unlock()
	if unserved {
		c.serve(s)
	}
	return true, err
}

// open returns a new stream, or nil if the call is not accepted. header is nil if it is
// malformed.
func (c *conn) open(id uint32, header *Header, end bool) (*Stream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case id%2 == 0:
		return nil, http2.ConnectionError(http2.ErrCodeProtocol)
	case id <= c.lastID && !header.isRequest(): // trailers of a request whose call has ended
		return nil, http2.StreamError{StreamID: id, Code: http2.ErrCodeStreamClosed}
	case id <= c.lastID:
		return nil, http2.ConnectionError(http2.ErrCodeStreamClosed)
	}
	c.lastID = id
	switch {
	case c.err != nil: // closed by Stop: nothing would end the call
		return nil, c.err
	case header == nil:
		return nil, http2.StreamError{StreamID: id, Code: http2.ErrCodeProtocol}
	case c.draining >= refusing:
		return nil, nil // the client knows that this call was not accepted
	case len(c.streams)+c.lingering >= int(c.server.options.MaxStreams):
		return nil, http2.StreamError{StreamID: id, Code: http2.ErrCodeRefusedStream}
	}
	s := &Stream{id: id, conn: c, header: header, window: c.output.streamWindow}
	s.body.window = int64(c.server.options.StreamWindow)
	s.body.whole = end
	s.start = time.Now()
	c.streams[id] = s
	return s, nil
}

// onData handles a part of a request.
func (c *conn) onData(f *http2.DataFrame) error {
	c.mu.Lock()
	if f.StreamID > c.lastID || f.StreamID%2 == 0 {
		c.mu.Unlock()
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	c.credit(f.Length)
	s := c.streams[f.StreamID]
	switch {
	case s == nil: // it has ended, perhaps before the client knows
		c.mu.Unlock()
		return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeStreamClosed}
	case s.body.whole:
		c.mu.Unlock()
		return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeStreamClosed}
	}
	if s.body.window -= int64(f.Length); s.body.window < 0 {
		c.mu.Unlock()
		return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeFlowControl}
	}
	data := f.Data()
	s.body.whole = f.StreamEnded()
	s.body.unsent += f.Length - uint32(len(data)) // padding is read at once
	c.renew(s)
	switch {
	case s.phase != admitted:
		s.body.add(data)
		s.wake()
		c.mu.Unlock()
		return nil
	case len(s.body.data) > 0 || !s.body.whole:
		s.body.data = append(s.body.data, data...)
		data = s.body.data
	}
	whole := s.body.whole
	switch {
	case whole && s.isExpired():
		c.finish(s, status.Convert(errExpired), nil)
		c.mu.Unlock()
		return nil
	case whole:
		s.phase = offered
	}
	c.mu.Unlock()
	switch {
	case whole:
		c.begin(s, data)
	case len(data) > messageHeader+c.server.options.InlineBytes:
		c.serve(s)
	}
	return nil
}

// begin offers a call to the handler, and has it served by a goroutine if the handler
// does not take it. data is the whole request.
func (c *conn) begin(s *Stream, data []byte) {
	if len(data) >= messageHeader {
		length, err := messageLength(data)
		if err == nil && length == len(data)-messageHeader && length <= c.server.options.InlineBytes && c.server.handler.Begin(s, data[messageHeader:]) {
			return
		}
	}
	c.mu.Lock()
	if len(s.body.data) == 0 && s.ended == nil {
		s.body.data = append(s.body.data, data...)
	}
	c.mu.Unlock()
	c.serve(s)
}

// credit lets the client send as many bytes on the connection as it has sent: what is not
// read is bounded by the windows of the streams. The caller must hold mu.
func (c *conn) credit(bytes uint32) {
	if c.received += bytes; c.received >= c.server.options.ConnWindow/4 {
		c.output.addWindow(0, c.received)
		c.received = 0
	}
}

// maxSettings is the maximum number of settings in a frame. Each may change all streams,
// while their answers wait.
const maxSettings = 100

// onSettings applies settings of the client.
func (c *conn) onSettings(f *http2.SettingsFrame) error {
	if f.NumSettings() > maxSettings {
		return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	window := c.output.streamWindow
	err := f.ForeachSetting(func(setting http2.Setting) error {
		if err := setting.Valid(); err != nil {
			return err
		}
		switch setting.ID {
		case http2.SettingHeaderTableSize:
			c.output.encoder.SetMaxDynamicTableSize(min(setting.Val, 4096))
		case http2.SettingInitialWindowSize:
			window = int64(setting.Val) // of several, the last is what counts
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.output.acknowledgeSettings()
	return c.setStreamWindow(window)
}

// setStreamWindow sets the initial window of streams, and changes that of the streams in
// progress by the difference. The caller must hold mu.
func (c *conn) setStreamWindow(window int64) error {
	difference := window - c.output.streamWindow
	if difference == 0 {
		return nil
	}
	c.output.streamWindow = window
	for _, s := range c.streams {
		if s.window += difference; s.window > maxWindow {
			return http2.ConnectionError(http2.ErrCodeFlowControl)
		}
		s.wake()
	}
	c.answerBlocked()
	return nil
}

// onWindowUpdate lets more be sent.
func (c *conn) onWindowUpdate(f *http2.WindowUpdateFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.StreamID == 0 {
		before := c.output.window
		if c.output.window += int64(f.Increment); c.output.window > maxWindow {
			return http2.ConnectionError(http2.ErrCodeFlowControl)
		}
		if before <= 0 { // otherwise they wait for the windows of their streams
			c.answerBlocked()
			c.changed.Broadcast()
		}
	} else {
		if f.StreamID > c.lastID {
			return http2.ConnectionError(http2.ErrCodeProtocol)
		}
		s := c.streams[f.StreamID]
		if s == nil {
			return nil
		}
		if s.window += int64(f.Increment); s.window > maxWindow {
			return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeFlowControl}
		}
		if s.blockedAnswer != nil {
			c.sendRest(s)
		}
		s.wake()
	}
	return nil
}

// onReset ends a call that the client has cancelled.
func (c *conn) onReset(f *http2.RSTStreamFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.StreamID > c.lastID {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	if s := c.streams[f.StreamID]; s != nil {
		c.end(s, errReset)
	}
	return nil
}

// onPing answers a ping.
func (c *conn) onPing(f *http2.PingFrame) error {
	if f.IsAck() {
		if f.Data == drainPing {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.refuse()
		}
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.pings.allow(time.Now(), c.server.options.PingInterval, c.output.sentData) {
		return errManyPings
	}
	c.output.sentData = false
	c.output.acknowledgePing(f.Data)
	return nil
}
