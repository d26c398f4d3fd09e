package transport

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
)

const (
	// maxFrame is the maximum size of the content of a frame, in both directions. It is
	// what every peer allows.
	maxFrame = 16 << 10
	// keptOutput is the largest buffer that is kept for other outputs.
	keptOutput = 64 << 10
	// maxWindow is the maximum size of a flow-control window (RFC 9113, section 6.9.1).
	maxWindow = 1<<31 - 1
	// defaultWindow is the size of a window before there are settings.
	defaultWindow = 1<<16 - 1
	// maxStreamID is the largest identifier of a stream.
	maxStreamID = 1<<31 - 1
)

// output is what will be written to a connection.
type output struct {
	bytes   []byte
	framer  *http2.Framer // appends to bytes
	encoder *hpack.Encoder
	block   bytes.Buffer // written by encoder

	writing  bool // a goroutine writes
	starting bool // a goroutine that will write was started
	sentData bool // headers or data were added since it was set to false

	window       int64     // of the connection
	streamWindow int64     // the initial one of a stream
	blocked      []*Stream // answered streams whose answers wait for a window, the oldest first
	unreleased   []*Stream // ended streams whose answers are in bytes, if it is large
}

// outputs are buffers for outputs.
var outputs = sync.Pool{New: func() any { return new(make([]byte, 0, 4<<10)) }}

func (o *output) init() {
	o.framer = http2.NewFramer(o, nil)
	o.encoder = hpack.NewEncoder(&o.block)
	o.window, o.streamWindow = defaultWindow, defaultWindow
}

// Write appends a frame. It never fails.
func (o *output) Write(frame []byte) (int, error) {
	if o.bytes == nil {
		o.bytes = *outputs.Get().(*[]byte)
	}
	o.bytes = append(o.bytes, frame...)
	return len(frame), nil
}

// recycle makes a buffer that was written available for other outputs.
func recycle(buffer []byte) {
	if cap(buffer) <= keptOutput {
		buffer = buffer[:0]
		outputs.Put(&buffer)
	}
}

// The methods of a Framer fail only for invalid arguments or if Write fails.

func (o *output) settings(options *Options) {
	_ = o.framer.WriteSettings(
		http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: options.MaxStreams},
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: options.StreamWindow},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: uint32(options.HeaderBytes)},
	)
	if options.ConnWindow > defaultWindow {
		_ = o.framer.WriteWindowUpdate(0, options.ConnWindow-defaultWindow)
	}
}

func (o *output) acknowledgeSettings() { _ = o.framer.WriteSettingsAck() }

func (o *output) ping(data [8]byte) { _ = o.framer.WritePing(false, data) }

func (o *output) acknowledgePing(data [8]byte) { _ = o.framer.WritePing(true, data) }

func (o *output) reset(id uint32, code http2.ErrCode) { _ = o.framer.WriteRSTStream(id, code) }

func (o *output) addWindow(id, bytes uint32) { _ = o.framer.WriteWindowUpdate(id, bytes) }

func (o *output) goAway(lastID uint32, code http2.ErrCode, reason error) {
	var text []byte
	switch {
	case reason == errManyPings:
		text = []byte("too_many_pings") // the text that gRPC clients know
	case reason != nil:
		text = []byte(reason.Error())
	}
	_ = o.framer.WriteGoAway(lastID, code, text)
}

// headers appends the fields that were encoded into block.
func (o *output) headers(id uint32, end bool) {
	o.sentData = true
	fragment := o.block.Next(maxFrame)
	_ = o.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: id, BlockFragment: fragment, EndStream: end, EndHeaders: o.block.Len() == 0,
	})
	for o.block.Len() > 0 {
		fragment = o.block.Next(maxFrame)
		_ = o.framer.WriteContinuation(id, o.block.Len() == 0, fragment)
	}
	o.block.Reset()
}

// field encodes a header field that repeats in most answers.
func (o *output) field(name, value string) {
	_ = o.encoder.WriteField(hpack.HeaderField{Name: name, Value: value})
}

// rareField encodes a header field without adding it to the table of the fields that repeat.
func (o *output) rareField(name, value string) {
	_ = o.encoder.WriteField(hpack.HeaderField{Name: name, Value: value, Sensitive: true})
}

// startHeaders encodes the headers that all answers have.
func (o *output) startHeaders() {
	o.field(":status", "200")
	o.field("content-type", "application/grpc")
}

// data appends a DATA frame of n bytes and returns the place for its content, all of which
// the caller must write.
func (o *output) data(id uint32, n int) []byte {
	o.sentData = true
	header := [frameHeader]byte{byte(n >> 16), byte(n >> 8), byte(n), byte(http2.FrameData)}
	binary.BigEndian.PutUint32(header[5:], id)
	_, _ = o.Write(header[:])
	from := len(o.bytes)
	o.bytes = slices.Grow(o.bytes, n)[:from+n]
	return o.bytes[from:]
}

// statusOK is the value of grpc-status of a successful call.
var statusOK = strconv.Itoa(int(codes.OK))

// messageHeader is the size of the header of a gRPC message: a byte for the compression,
// and the length in four bytes.
const messageHeader = 5

// answer appends the headers and the message of a successful call.
func (o *output) answer(id uint32, message []byte) {
	o.startHeaders()
	o.headers(id, false)
	n := messageHeader + len(message)
	o.window -= int64(n)
	content := o.data(id, n)
	content[0] = 0
	binary.BigEndian.PutUint32(content[1:], uint32(len(message)))
	copy(content[messageHeader:], message)
}

// fits reports whether a message can be sent at once on a stream with a window.
func (o *output) fits(message []byte, window int64) bool {
	n := int64(messageHeader + len(message))
	return n <= o.window && n <= window && n <= maxFrame
}

// encodeMessage returns a status message with the bytes escaped that a header field must
// not contain, as the gRPC protocol says, and spaces where a field must not start or end.
func encodeMessage(text string) string {
	var out strings.Builder
	valid := []byte(strings.ToValidUTF8(text, "\uFFFD"))
	for i, b := range valid {
		if b < ' ' || b > '~' || b == '%' || b == ' ' && (i == 0 || i == len(valid)-1) {
			const digits = "0123456789ABCDEF"
			out.Write([]byte{'%', digits[b>>4], digits[b&15]})
			continue
		}
		out.WriteByte(b)
	}
	return out.String()
}

// flush writes the output, unless another goroutine does.
func (c *conn) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.output.starting = false
	c.flushLocked()
}

// flushLocked is flush for callers that hold mu, which it releases while it writes.
func (c *conn) flushLocked() {
	o := &c.output
	if o.writing {
		return
	}
	if c.draining == finished {
		o.bytes = nil
		return
	}
	o.writing = true
	for len(o.bytes) > 0 && c.err == nil {
		bytes, unreleased := o.bytes, o.unreleased
		o.bytes, o.unreleased = nil, nil
		c.mu.Unlock()
		_, err := c.net.Write(bytes)
		c.mu.Lock()
		recycle(bytes)
		c.releaseAll(unreleased)
		if err != nil {
			c.accepted.Close() // ends the goroutine that reads
			break
		}
		c.changed.Broadcast()
	}
	o.writing = false
	c.changed.Broadcast()
	c.finishDrained()
}

// release calls Handler.Release for a call that has ended. If the client does not read, that
// is done when the answer was written: answers of calls that are not counted any longer
// would take memory without a bound. The caller must hold mu.
func (c *conn) release(s *Stream) {
	if c.err == nil && len(c.output.bytes) > c.server.options.WriteBuffer {
		c.output.unreleased = append(c.output.unreleased, s)
		return
	}
	c.server.handler.Release(s)
}

// releaseAll calls Handler.Release for calls. The caller must hold mu.
func (c *conn) releaseAll(streams []*Stream) {
	for _, s := range streams {
		c.server.handler.Release(s)
	}
}

// flushSoon has the output written by a goroutine, or by the one that handles frames. The
// caller must hold mu.
func (c *conn) flushSoon() {
	if o := &c.output; !c.handling.Load() && !o.writing && !o.starting {
		o.starting = true
		go c.flush()
	}
}

// awaitOutput waits while the output is large, so that a client cannot make it grow by
// frames that are answered.
func (c *conn) awaitOutput() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.output.bytes) > c.server.options.WriteBuffer && c.err == nil {
		if c.output.writing {
			c.changed.Wait()
		} else {
			c.flushLocked()
		}
	}
	return c.err
}
