package grpcclient

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"slices"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	// maxOutput is the size of the output from which on calls wait.
	maxOutput = 64 << 10
	// maxReplies is the size of the output from which on a server that sends frames to be
	// answered, and does not read, is disconnected.
	maxReplies = 256 << 10
	// maxUnanswered is how many bytes callers write before the server has shown that it has
	// read them. Every socket buffers more than that.
	maxUnanswered = 32 << 10
)

// output is what will be written to a connection.
type output struct {
	bytes   []byte
	spare   []byte        // a buffer to be used again, or nil
	framer  *http2.Framer // appends to bytes
	encoder *hpack.Encoder
	block   bytes.Buffer // written by encoder
	fields  requestFields

	writing bool // a goroutine writes

	// Positions in what was written since the start, in bytes.
	written int64 // the end
	read    int64 // up to where the server has shown that it has read
	ping    int64 // the end of the last ping

	window       int64 // of the connection
	streamWindow int64 // the initial one of a stream
}

func (o *output) init(options *Options, authority string) {
	o.framer = http2.NewFramer(o, nil)
	o.encoder = hpack.NewEncoder(&o.block)
	o.window, o.streamWindow = defaultWindow, defaultWindow
	o.fields.init(options, authority)
}

// Write appends a frame. It never fails.
func (o *output) Write(frame []byte) (int, error) {
	o.bytes = append(o.bytes, frame...)
	return len(frame), nil
}

// The methods of a Framer fail only for invalid arguments or if Write fails.

// preface returns the first bytes of a connection.
func (o *output) preface(options *Options) []byte {
	o.bytes = append(o.bytes, http2.ClientPreface...)
	_ = o.framer.WriteSettings(
		http2.Setting{ID: http2.SettingEnablePush, Val: 0},
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: options.StreamWindow},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: options.HeaderBytes},
	)
	if options.ConnWindow > defaultWindow {
		_ = o.framer.WriteWindowUpdate(0, options.ConnWindow-defaultWindow)
	}
	preface := o.bytes
	o.bytes = nil
	return preface
}

func (o *output) acknowledgeSettings() { _ = o.framer.WriteSettingsAck() }

func (o *output) sendPing(data [8]byte) {
	_ = o.framer.WritePing(false, data)
	o.ping = o.end()
}

func (o *output) acknowledgePing(data [8]byte) { _ = o.framer.WritePing(true, data) }

func (o *output) reset(id uint32, code http2.ErrCode) { _ = o.framer.WriteRSTStream(id, code) }

func (o *output) addWindow(id, bytes uint32) { _ = o.framer.WriteWindowUpdate(id, bytes) }

func (o *output) goAway(code http2.ErrCode) { _ = o.framer.WriteGoAway(0, code, nil) }

// end returns the position after what was added.
func (o *output) end() int64 { return o.written + int64(len(o.bytes)) }

// wasRead records that the server has read up to a position. Window updates and data do not
// show that, since they may be for what was sent long before.
func (o *output) wasRead(position int64) { o.read = max(o.read, position) }

// frame appends the header of a frame, and returns n bytes to be filled with its content.
func (o *output) frame(kind http2.FrameType, flags http2.Flags, id uint32, n int) []byte {
	header := [frameHeader]byte{byte(n >> 16), byte(n >> 8), byte(n), byte(kind), byte(flags)}
	binary.BigEndian.PutUint32(header[5:], id)
	o.bytes = append(o.bytes, header[:]...)
	from := len(o.bytes)
	o.bytes = slices.Grow(o.bytes, n)[:from+n]
	return o.bytes[from:]
}

// flush writes the output, unless another goroutine does.
func (s *session) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flushLocked()
}

// flushReplies writes the replies to the frames that have arrived. It fails if the server does
// not read them.
func (s *session) flushReplies() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flushLocked()
	if len(s.output.bytes) > maxReplies {
		return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
	}
	return nil
}

// flushLocked is flush for callers that hold mu, which it releases while it writes. A caller
// must notice that its context is done, so it writes only what the socket can buffer. The rest
// is written by a goroutine, and so is what others add meanwhile.
func (s *session) flushLocked() {
	o := &s.output
	if o.writing || len(o.bytes) == 0 || s.err != nil {
		return
	}
	o.writing = true
	if len(s.calls) > 1 {
		// Other callers may be about to add their requests.
		s.mu.Unlock()
		runtime.Gosched()
		s.mu.Lock()
	}
	if o.end()-o.read <= maxUnanswered {
		s.write()
	}
	if len(o.bytes) > 0 && s.err == nil {
		s.conn.running.Go(s.writeRest)
		return
	}
	o.writing = false
}

// writeRest writes until the output is empty.
func (s *session) writeRest() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.output.bytes) > 0 && s.err == nil {
		s.write()
	}
	s.output.writing = false
}

// write writes what is in the output. The caller must hold mu, which is released meanwhile.
func (s *session) write() {
	o := &s.output
	content := o.bytes
	o.bytes, o.spare = o.spare, nil
	o.written += int64(len(content))
	s.mu.Unlock()
	_, err := s.net.Write(content)
	s.mu.Lock()
	if cap(content) <= maxOutput {
		o.spare = content[:0]
	}
	if err != nil {
		// What has arrived is still read: the goroutine that reads finds out why.
		o.bytes = nil
		s.retire()
	}
	s.wakeBlocked()
}
