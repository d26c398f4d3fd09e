package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// writeTimeout is how long a server may block the writes of an attacker.
const writeTimeout = 30 * time.Second

// link is an HTTP/2 connection that can send any frame at any time, unlike a gRPC
// library.
type link struct {
	conn net.Conn

	mu      sync.Mutex
	out     *bufio.Writer  // guarded by mu
	framer  *http2.Framer  // writes are guarded by mu
	encoder *hpack.Encoder // guarded by mu
	block   bytes.Buffer   // guarded by mu
	next    uint32         // guarded by mu; id of the next call

	liveMu sync.Mutex
	live   map[uint32]bool // guarded by liveMu; calls that the server has not ended

	tally *tally
	ended chan struct{} // closed when the server has closed the connection
}

// link connects and sends the settings. The connection window is 1 GiB; the window
// of a call is set by the settings.
func (a *attacker) link(ctx context.Context, settings ...http2.Setting) (*link, error) {
	l, err := a.sendOnlyLink(ctx, net.Dialer{}, settings...)
	if err == nil {
		go l.receive()
	}
	return l, err
}

// sendOnlyLink returns a link that receives nothing, not even the end of the
// connection.
func (a *attacker) sendOnlyLink(ctx context.Context, dialer net.Dialer, settings ...http2.Setting) (*link, error) {
	if err := a.dials.Wait(ctx); err != nil {
		return nil, err
	}
	conn, err := a.connect(ctx, dialer)
	if err != nil {
		return nil, err
	}
	l := &link{conn: conn, out: bufio.NewWriterSize(conn, 64<<10), next: 1, live: make(map[uint32]bool), tally: a.tally, ended: make(chan struct{})}
	l.framer = http2.NewFramer(l.out, bufio.NewReader(conn))
	l.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	l.framer.AllowIllegalWrites = true
	l.encoder = hpack.NewEncoder(&l.block)
	l.out.WriteString(http2.ClientPreface)
	l.framer.WriteSettings(settings...)
	l.framer.WriteWindowUpdate(0, 1<<30)
	if err := l.flush(); err != nil {
		conn.Close()
		return nil, err
	}
	a.tally.count("connections")
	return l, nil
}

func (l *link) close() { l.conn.Close() }

// receive acknowledges settings and pings, counts ended calls, and discards other
// frames.
func (l *link) receive() {
	defer close(l.ended)
	defer l.conn.Close()
	for {
		frame, err := l.framer.ReadFrame()
		if err != nil {
			return
		}
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				go l.write(func() error { return l.framer.WriteSettingsAck() })
			}
		case *http2.PingFrame:
			if !f.IsAck() {
				data := f.Data
				go l.write(func() error { return l.framer.WritePing(true, data) })
			}
		case *http2.MetaHeadersFrame:
			if f.StreamEnded() && l.over(f.StreamID) {
				l.tally.countStatus(f)
			}
		case *http2.RSTStreamFrame:
			if l.over(f.StreamID) {
				l.tally.count(f.ErrCode.String())
			}
		case *http2.GoAwayFrame:
			l.tally.count("GOAWAY " + f.ErrCode.String())
		}
	}
}

// over records that a call has ended. It returns false if that was recorded before.
func (l *link) over(id uint32) bool {
	l.liveMu.Lock()
	defer l.liveMu.Unlock()
	live := l.live[id]
	delete(l.live, id)
	return live
}

// started records that a call has started.
func (l *link) started(id uint32) {
	l.liveMu.Lock()
	defer l.liveMu.Unlock()
	l.live[id] = true
}

// calls returns the number of calls that the server has not ended.
func (l *link) calls() int {
	l.liveMu.Lock()
	defer l.liveMu.Unlock()
	return len(l.live)
}

// write calls frames with l.mu held and flushes.
func (l *link) write(frames func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := frames(); err != nil {
		return err
	}
	return l.flush()
}

// flush sends the buffered frames. l.mu is held, or l is not shared yet.
func (l *link) flush() error {
	l.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	return l.out.Flush()
}

// call is a call of an attacker: HEADERS, and optionally a message.
type call struct {
	path    string
	key     string              // API key, may be empty
	headers []hpack.HeaderField // additional headers
	message []byte              // nil to send only HEADERS, without ending the request
}

// open starts a call without flushing. l.mu is held.
func (l *link) open(c call) (id uint32, err error) {
	id = l.next
	l.next += 2
	l.started(id)
	err = l.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: id, BlockFragment: l.headers(c.path, c.key, c.headers...), EndHeaders: true,
	})
	if err == nil && c.message != nil {
		err = l.framer.WriteData(id, true, framed(c.message))
	}
	return id, err
}

// headers encodes the headers of a call. l.mu is held.
func (l *link) headers(path, key string, more ...hpack.HeaderField) []byte {
	l.block.Reset()
	fields := []hpack.HeaderField{
		{Name: ":method", Value: "POST"},
		{Name: ":scheme", Value: "http"},
		{Name: ":path", Value: path},
		{Name: ":authority", Value: "localhost"},
		{Name: "content-type", Value: "application/grpc"},
		{Name: "te", Value: "trailers"},
	}
	if key != "" {
		fields = append(fields, hpack.HeaderField{Name: "authorization", Value: "Bearer " + key})
	}
	for _, field := range append(fields, more...) {
		l.encoder.WriteField(field)
	}
	return l.block.Bytes()
}

// framed prefixes a message with the gRPC message header.
func framed(message []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
}

// most is the greatest id of a call, after which a new connection is used.
const most = 1 << 29

// keep keeps a number of calls open, replacing calls that end, until ctx is done or
// the server closes the connection.
func (l *link) keep(ctx context.Context, a *attacker, calls int, c call) error {
	defer l.close()
	for {
		missing := min(calls-l.calls(), 50)
		if missing <= 0 {
			if err := l.wait(ctx, 100*time.Millisecond); err != nil {
				return err
			}
			continue
		}
		if err := a.pace.WaitN(ctx, missing); err != nil {
			return nil
		}
		err := l.write(func() error {
			for range missing {
				if _, err := l.open(c); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || l.next > most {
			return err
		}
	}
}

// wait waits for d. It fails if the server closes the connection or ctx is done.
func (l *link) wait(ctx context.Context, d time.Duration) error {
	select {
	case <-l.ended:
		return errEnded
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
