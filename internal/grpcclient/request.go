package grpcclient

import (
	"context"
	"encoding/binary"
	"strconv"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/umadb-go/umadb/internal/headerblock"
)

// maxBlocks is the number of header blocks that are kept.
const maxBlocks = 8

// requestFields are the header fields of requests. Those that repeat are in a table, so that
// the header block of most requests is a few bytes that refer to it. Such a block is kept as
// long as the table has not changed.
type requestFields struct {
	before []hpack.HeaderField // the path
	after  []hpack.HeaderField
	own    map[string][]hpack.HeaderField // of methods; they follow
	blocks []requestBlock

	positions *Positions // sent with each request, or nil
	whole     []byte     // the header block with what is not in the table, valid until the next one
}

// requestBlock is a header block that only refers to the table.
type requestBlock struct {
	method  string
	timeout time.Duration // rounded, or 0
	block   []byte
}

func (f *requestFields) init(options *Options, authority string) {
	scheme := "http"
	if options.TLS != nil {
		scheme = "https"
	}
	f.before = []hpack.HeaderField{{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: scheme}}
	f.after = append([]hpack.HeaderField{
		{Name: ":authority", Value: authority},
		{Name: "content-type", Value: "application/grpc"},
		{Name: "te", Value: "trailers"},
	}, options.Fields...)
	f.own, f.positions = options.MethodFields, options.Positions
}

// request appends the headers of a call. The deadline may be zero.
func (o *output) request(c *call, method string, deadline time.Time) {
	timeout := time.Duration(0)
	if !deadline.IsZero() {
		timeout = roundTimeout(time.Until(deadline))
	}
	block := o.requestBlock(method, timeout)
	if f := &o.fields; f.positions != nil || len(c.fields) > 0 {
		f.whole = append(f.whole[:0], block...)
		if f.positions != nil {
			f.whole = appendMinPosition(f.whole, f.positions.Highest())
		}
		for _, field := range c.fields {
			f.whole = appendField(f.whole, neverIndexed, field.Name, field.Value)
		}
		block = f.whole
	}
	first := block[:min(len(block), maxFrame)]
	rest := block[len(first):]
	flags := http2.FlagHeadersEndHeaders
	if len(rest) > 0 {
		flags = 0
	}
	copy(o.frame(http2.FrameHeaders, flags, c.id, len(first)), first)
	for len(rest) > 0 {
		n := min(len(rest), maxFrame)
		_ = o.framer.WriteContinuation(c.id, n == len(rest), rest[:n])
		rest = rest[n:]
	}
}

// requestBlock returns the header block of a call. It is valid until the next one.
func (o *output) requestBlock(method string, timeout time.Duration) []byte {
	f := &o.fields
	for i := range f.blocks {
		if b := &f.blocks[i]; b.method == method && b.timeout == timeout {
			return b.block
		}
	}
	o.block.Reset()
	for _, field := range f.before {
		_ = o.encoder.WriteField(field)
	}
	_ = o.encoder.WriteField(hpack.HeaderField{Name: ":path", Value: method})
	for _, field := range f.after {
		_ = o.encoder.WriteField(field)
	}
	for _, field := range f.own[method] {
		_ = o.encoder.WriteField(field)
	}
	if timeout > 0 {
		_ = o.encoder.WriteField(hpack.HeaderField{Name: "grpc-timeout", Value: encodeTimeout(timeout)})
	}
	block := o.block.Bytes()
	switch {
	case !headerblock.RefersOnly(block):
		f.blocks = f.blocks[:0] // the table may have changed
	case len(f.blocks) < maxBlocks:
		f.blocks = append(f.blocks, requestBlock{method, timeout, append([]byte(nil), block...)})
	}
	return block
}

// The first byte of a field that is not added to the table of either side.
const (
	notIndexed   = 0    // RFC 7541, section 6.2.2
	neverIndexed = 0x10 // section 6.2.3: nor do proxies, because it may be a secret of one caller
)

// appendField appends a field to a header block.
func appendField[T string | []byte](block []byte, first byte, name string, value T) []byte {
	block = appendStringLength(append(block, first), len(name))
	block = append(block, name...)
	block = appendStringLength(block, len(value))
	return append(block, value...)
}

// appendStringLength appends the length of a string that is not compressed (RFC 7541, section 5).
func appendStringLength(block []byte, length int) []byte {
	const most = 1<<7 - 1
	if length < most {
		return append(block, byte(length))
	}
	return binary.AppendUvarint(append(block, most), uint64(length-most))
}

// maxTimeout is the largest timeout that is sent. In seconds it has eight digits.
const maxTimeout = 90_000_000 * time.Second

// roundTimeout rounds a timeout up to two digits, so that those of calls that are made with
// the same timeout are equal. The client itself ends a call at its deadline.
func roundTimeout(d time.Duration) time.Duration {
	d = min(max(d, 1), maxTimeout)
	scale := time.Duration(1)
	for d/scale >= 100 {
		scale *= 10
	}
	return (d + scale - 1) / scale * scale
}

// encodeTimeout returns the value of grpc-timeout for a rounded timeout: a number of up to
// eight digits and a unit.
func encodeTimeout(d time.Duration) string {
	unit, name := time.Nanosecond, "n"
	switch {
	case d%time.Second == 0:
		unit, name = time.Second, "S"
	case d%time.Millisecond == 0:
		unit, name = time.Millisecond, "m"
	case d%time.Microsecond == 0:
		unit, name = time.Microsecond, "u"
	}
	return strconv.FormatInt(int64(d/unit), 10) + name
}

// sendMessage adds a request to the output. It waits while it does not fit into that or into
// the windows. The caller must hold mu.
func (s *session) sendMessage(ctx context.Context, c *call, request []byte) error {
	o := &s.output
	prefix := [prefixSize]byte{}
	binary.BigEndian.PutUint32(prefix[1:], uint32(len(request)))
	head := prefix[:]
	for rest := prefixSize + len(request); rest > 0 && !c.ended; {
		n := int(min(int64(rest), maxFrame, o.window, c.sendable))
		if n <= 0 || len(o.bytes) >= maxOutput {
			if err := s.wait(ctx, c); err != nil {
				failed := contextError(err, false)
				if !c.ended {
					s.abort(c, http2.ErrCodeCancel, failed)
				}
				return failed
			}
			continue
		}
		o.window -= int64(n)
		c.sendable -= int64(n)
		rest -= n
		var flags http2.Flags
		if rest == 0 {
			flags = http2.FlagDataEndStream
			c.whole = true
		}
		content := o.frame(http2.FrameData, flags, c.id, n)
		copied := copy(content, head)
		head = head[copied:]
		request = request[copy(content[copied:], request):]
	}
	if c.whole {
		c.sent = o.end()
	}
	return nil
}
