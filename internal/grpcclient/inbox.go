package grpcclient

import (
	"encoding/binary"
	"fmt"
	"slices"

	"google.golang.org/grpc/codes"
)

const (
	// prefixSize is the size of the prefix of a message: a byte for the compression, and the
	// length in four bytes.
	prefixSize = 5
	// firstBuffer is the maximum size of a buffer that is taken for a message before it has
	// arrived. For a larger one the buffer grows with what arrives.
	firstBuffer = 320 << 10
)

// inbox is the messages that have arrived on a stream and were not read. They are in buffers
// one after the other, so that small ones take little more memory than their bytes.
type inbox struct {
	buffers Buffers
	limit   int // maximum size of a message

	chunks  []chunk          // the oldest first
	prefix  [prefixSize]byte // of the next message
	arrived int              // bytes of prefix that have arrived
	missing int              // bytes of the last message that have not arrived
	count   int              // messages whose prefix has arrived
}

// chunk is a buffer with messages and their prefixes. Only the last one of the last chunk
// may be incomplete.
type chunk struct {
	buffer *[]byte // its length is what has arrived
	read   int     // how much was read
}

// add adds data that has arrived.
func (b *inbox) add(data []byte) *Error {
	for len(data) > 0 {
		if b.missing > 0 {
			n := min(b.missing, len(data))
			b.append(data[:n])
			b.missing -= n
			data = data[n:]
			continue
		}
		n := copy(b.prefix[b.arrived:], data)
		data = data[n:]
		if b.arrived += n; b.arrived < prefixSize {
			break
		}
		b.arrived = 0
		if err := b.begin(); err != nil {
			return err
		}
	}
	return nil
}

// begin starts a message, whose prefix has arrived.
func (b *inbox) begin() *Error {
	length := binary.BigEndian.Uint32(b.prefix[1:])
	switch {
	case b.prefix[0] == 1:
		return internal("the server has compressed a message, although the client does not support that")
	case b.prefix[0] != 0:
		return internal("malformed message: its first byte is %d", b.prefix[0])
	case uint64(length) > uint64(b.limit):
		return &Error{Code: codes.ResourceExhausted, Message: fmt.Sprintf("a message of %d bytes is over the limit of %d", length, b.limit)}
	}
	b.count++
	b.missing = int(length)
	size := prefixSize + b.missing
	if len(b.chunks) == 0 || !b.last().fits(size) {
		buffer := b.buffers.Get(min(size, firstBuffer))
		*buffer = (*buffer)[:0]
		b.chunks = append(b.chunks, chunk{buffer: buffer})
	}
	b.append(b.prefix[:])
	return nil
}

func (b *inbox) last() *chunk { return &b.chunks[len(b.chunks)-1] }

// fits reports whether n more bytes fit into the buffer.
func (c *chunk) fits(n int) bool { return n <= cap(*c.buffer)-len(*c.buffer) }

// append appends data to the last chunk. Its messages that were read stay where they are: the
// buffer grows only if it contains a single message, which is incomplete.
func (b *inbox) append(data []byte) {
	last := b.last()
	if !last.fits(len(data)) {
		have := len(*last.buffer)
		larger := make([]byte, have, min(max(2*have, have+len(data)), have+b.missing))
		copy(larger, *last.buffer)
		b.buffers.Put(last.buffer)
		last.buffer = &larger
	}
	*last.buffer = append(*last.buffer, data...)
}

// next returns the next message if it has arrived wholly. The message is valid until next is
// called again.
func (b *inbox) next() (message []byte, found bool) {
	if len(b.chunks) == 0 {
		return nil, false
	}
	first := &b.chunks[0]
	if first.read == len(*first.buffer) {
		b.buffers.Put(first.buffer)
		b.chunks = slices.Delete(b.chunks, 0, 1)
		return b.next()
	}
	rest := (*first.buffer)[first.read:]
	size := prefixSize + int(binary.BigEndian.Uint32(rest[1:]))
	if len(rest) < size {
		return nil, false
	}
	first.read += size
	return rest[prefixSize:size:size], true
}

// hasMessage reports whether next would return a message.
func (b *inbox) hasMessage() bool {
	for i := range b.chunks {
		if c := &b.chunks[i]; c.read < len(*c.buffer) {
			rest := (*c.buffer)[c.read:]
			return len(rest) >= prefixSize+int(binary.BigEndian.Uint32(rest[1:]))
		}
	}
	return false
}

// isPartial reports whether only a part of a message has arrived.
func (b *inbox) isPartial() bool { return b.arrived > 0 || b.missing > 0 }

// free releases the buffers.
func (b *inbox) free() {
	for _, c := range b.chunks {
		b.buffers.Put(c.buffer)
	}
	*b = inbox{buffers: b.buffers, limit: b.limit, chunks: b.chunks[:0]}
}
