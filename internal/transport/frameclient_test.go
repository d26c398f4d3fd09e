package transport_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"testing/synctest"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// frameClient sends frames one by one, as no library would, and records the answers.
type frameClient struct {
	t      tester
	conn   net.Conn
	framer *http2.Framer // used by the holder of writing
	chunk  int           // largest write, or 0 for no limit
	next   uint32        // stream

	block   bytes.Buffer
	encoder *hpack.Encoder
	decoder *hpack.Decoder

	writing chan struct{} // holds a value while a frame is written
	silent  bool          // does not acknowledge pings

	mu     sync.Mutex
	seen   record
	headed map[uint32]bool // streams whose headers have arrived
}

// record is what a client has received.
type record struct {
	answers  map[uint32]*answer
	settings []http2.Setting
	acks     int // of settings
	pongs    int
	pings    int
	goAways  []string
	credit   map[uint32]int // by which the server has enlarged its windows; 0 is the connection's
	closed   bool
}

// answer is the answer to a call.
type answer struct {
	header, trailer map[string][]string
	data            []byte
	ended           bool
	reset           string // code of RST_STREAM, or ""
}

// connect returns a client that reads and has sent the preface and settings.
func (r *running) connect(settings ...http2.Setting) *frameClient {
	c := r.dial()
	go c.read()
	c.begin(settings...)
	return c
}

// dial returns a client that neither reads nor has sent anything.
func (r *running) dial() *frameClient { return newFrameClient(r.t, r.pipes.dial()) }

func newFrameClient(t tester, conn net.Conn) *frameClient {
	c := &frameClient{t: t, conn: conn, next: 1, writing: make(chan struct{}, 1), headed: make(map[uint32]bool)}
	c.seen.answers, c.seen.credit = make(map[uint32]*answer), make(map[uint32]int)
	c.framer = http2.NewFramer(c, conn)
	c.framer.AllowIllegalWrites = true
	c.encoder = hpack.NewEncoder(&c.block)
	c.decoder = hpack.NewDecoder(4096, nil)
	return c
}

// Write writes to the connection, in chunks. The server may have closed it.
func (c *frameClient) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := len(rest)
		if c.chunk > 0 {
			n = min(n, c.chunk)
		}
		if _, err := c.conn.Write(rest[:n]); err != nil {
			break
		}
		rest = rest[n:]
	}
	return len(p), nil
}

// frames calls write with the framer.
func (c *frameClient) frames(write func(*http2.Framer)) {
	c.writing <- struct{}{}
	defer func() { <-c.writing }()
	write(c.framer)
}

func (c *frameClient) begin(settings ...http2.Setting) {
	c.frames(func(f *http2.Framer) {
		_, _ = c.Write([]byte(http2.ClientPreface))
		_ = f.WriteSettings(settings...)
	})
}

func (c *frameClient) settings(settings ...http2.Setting) {
	c.frames(func(f *http2.Framer) { _ = f.WriteSettings(settings...) })
}

func (c *frameClient) ping(data byte) {
	c.frames(func(f *http2.Framer) { _ = f.WritePing(false, [8]byte{data}) })
}

func (c *frameClient) window(id, increment uint32) {
	c.frames(func(f *http2.Framer) { _ = f.WriteWindowUpdate(id, increment) })
}

// data sends data in frames of the maximum size.
func (c *frameClient) data(id uint32, end bool, data []byte) {
	for {
		n := min(len(data), 16<<10)
		last := n == len(data)
		c.frames(func(f *http2.Framer) { _ = f.WriteData(id, end && last, data[:n]) })
		if data = data[n:]; last {
			return
		}
	}
}

func (c *frameClient) padded(id uint32, end bool, data []byte, padding int) {
	c.frames(func(f *http2.Framer) { _ = f.WriteDataPadded(id, end, data, make([]byte, padding)) })
}

func (c *frameClient) reset(id uint32) {
	c.frames(func(f *http2.Framer) { _ = f.WriteRSTStream(id, http2.ErrCodeCancel) })
}

// callFields are the headers of a call, with more at the end.
func callFields(method string, more ...string) []string {
	return append([]string{
		":method", "POST", ":scheme", "http", ":path", method, ":authority", "test",
		"content-type", "application/grpc", "te", "trailers",
	}, more...)
}

// encode returns a header block.
func (c *frameClient) encode(fields ...string) []byte {
	c.block.Reset()
	for i := 0; i < len(fields); i += 2 {
		_ = c.encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return bytes.Clone(c.block.Bytes())
}

// open sends headers on a new stream.
func (c *frameClient) open(end bool, fields ...string) uint32 {
	id := c.next
	c.next += 2
	block := c.encode(fields...)
	c.frames(func(f *http2.Framer) {
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndStream: end, EndHeaders: true})
	})
	return id
}

// call sends a call with one message.
func (c *frameClient) call(method string, request []byte, more ...string) uint32 {
	id := c.open(false, callFields(method, more...)...)
	c.data(id, true, message(request))
	return id
}

// message returns a gRPC message with its header.
func message(content []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(content))), content...)
}

// read reads frames until the connection ends.
func (c *frameClient) read() {
	reader := http2.NewFramer(nil, c.conn)
	reader.AllowIllegalReads = true
	for {
		frame, err := reader.ReadFrame()
		c.mu.Lock()
		if err != nil {
			c.seen.closed = true
			c.mu.Unlock()
			return
		}
		c.note(frame)
		c.mu.Unlock()
	}
}

// note records a frame. The caller must hold mu.
func (c *frameClient) note(frame http2.Frame) {
	id := frame.Header().StreamID
	a := c.seen.answers[id]
	if a == nil {
		a = &answer{header: make(map[string][]string), trailer: make(map[string][]string)}
	}
	switch f := frame.(type) {
	case *http2.HeadersFrame:
		c.seen.answers[id] = a
		c.noteHeaders(a, id, f.HeaderBlockFragment(), f.HeadersEnded())
		a.ended = a.ended || f.StreamEnded()
	case *http2.ContinuationFrame:
		c.noteHeaders(a, id, f.HeaderBlockFragment(), f.HeadersEnded())
	case *http2.DataFrame:
		c.seen.answers[id] = a
		a.data = append(a.data, f.Data()...)
		a.ended = a.ended || f.StreamEnded()
	case *http2.RSTStreamFrame:
		c.seen.answers[id] = a
		if a.reset == "" {
			a.reset = f.ErrCode.String()
		}
	case *http2.SettingsFrame:
		if f.IsAck() {
			c.seen.acks++
			return
		}
		_ = f.ForeachSetting(func(s http2.Setting) error {
			c.seen.settings = append(c.seen.settings, s)
			return nil
		})
	case *http2.PingFrame:
		if f.IsAck() {
			c.seen.pongs++
			return
		}
		c.seen.pings++
		if data := f.Data; !c.silent {
			go c.frames(func(f *http2.Framer) { _ = f.WritePing(true, data) })
		}
	case *http2.GoAwayFrame:
		c.seen.goAways = append(c.seen.goAways, fmt.Sprintf("%d %v %s", f.LastStreamID, f.ErrCode, f.DebugData()))
	case *http2.WindowUpdateFrame:
		c.seen.credit[id] += int(f.Increment)
	}
}

// noteHeaders records a fragment of a header block.
func (c *frameClient) noteHeaders(a *answer, id uint32, fragment []byte, last bool) {
	to := a.header
	if c.headed[id] {
		to = a.trailer
	}
	c.decoder.SetEmitFunc(func(f hpack.HeaderField) { to[f.Name] = append(to[f.Name], f.Value) })
	if _, err := c.decoder.Write(fragment); err != nil {
		c.t.Errorf("header block of stream %d: %v", id, err)
	}
	if last {
		if err := c.decoder.Close(); err != nil {
			c.t.Errorf("header block of stream %d: %v", id, err)
		}
		c.headed[id] = true
	}
}

// answer returns the answer to a call after everything has happened.
func (c *frameClient) answer(id uint32) answer {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.seen.answers[id]; a != nil {
		copied := *a
		copied.header, copied.trailer, copied.data = maps.Clone(a.header), maps.Clone(a.trailer), slices.Clone(a.data)
		return copied
	}
	return answer{}
}

// received returns the record after everything has happened.
func (c *frameClient) received() record {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.seen
	r.goAways, r.credit = slices.Clone(r.goAways), maps.Clone(r.credit)
	return r
}

// field returns a field of the trailers, or of the headers if there are no trailers.
func (a answer) field(name string) string {
	fields := a.trailer
	if len(fields) == 0 {
		fields = a.header
	}
	if len(fields[name]) != 1 {
		return ""
	}
	return fields[name][0]
}

// wantEcho checks that a call was answered with messages.
func (c *frameClient) wantEcho(id uint32, contents ...[]byte) {
	c.t.Helper()
	var want []byte
	for _, content := range contents {
		want = append(want, message(content)...)
	}
	switch a := c.answer(id); {
	case !bytes.Equal(a.data, want):
		c.t.Errorf("stream %d: %d bytes, want %d: %s", id, len(a.data), len(want), a)
	case !a.ended || a.reset != "" || a.field("grpc-status") != "0":
		c.t.Errorf("stream %d: %s", id, a)
	}
}

// wantStatus checks how a call ended: by its gRPC status or a reset.
func (c *frameClient) wantStatus(id uint32, want string) {
	c.t.Helper()
	a := c.answer(id)
	got := a.field("grpc-status")
	if !a.ended {
		got = a.reset
	}
	if got != want {
		c.t.Errorf("stream %d ended with %q, want %q: %s", id, got, want, a)
	}
}

// wantClosed checks that the connection was closed, after a GOAWAY with the code, or
// without one if the code is "".
func (c *frameClient) wantClosed(code string) {
	c.t.Helper()
	r := c.received()
	got := ""
	if len(r.goAways) > 0 {
		var last uint32
		fmt.Sscan(r.goAways[len(r.goAways)-1], &last, &got)
	}
	if !r.closed || got != code {
		c.t.Errorf("closed %v with %q, want a GOAWAY with %q", r.closed, r.goAways, code)
	}
}

// String implements fmt.Stringer.
func (a answer) String() string {
	return fmt.Sprintf("headers %v, %d bytes, trailers %v, ended %v, reset %q", a.header, len(a.data), a.trailer, a.ended, a.reset)
}
