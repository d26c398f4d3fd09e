package eventlog

import (
	"errors"
	"io"
)

// GroupBytes reads groups from the bytes of a segment, or of a part of it that starts with
// the header of the segment or of a group. It does not verify them; Checker does.
type GroupBytes struct {
	r      io.Reader
	left   int64
	buffer []byte
}

// NewGroupBytes returns a reader of the groups in the size bytes of r.
func NewGroupBytes(r io.Reader, size int64) *GroupBytes { return &GroupBytes{r: r, left: size} }

// Next returns the next group, whose bytes are valid until the next call. It fails with
// io.EOF after the last group, and with io.ErrUnexpectedEOF if the last group is incomplete.
func (b *GroupBytes) Next() (Group, error) {
	b.buffer = b.buffer[:0]
	if b.left == 0 {
		return Group{}, io.EOF
	}
	start := 0
	err := b.fill(groupHeaderBytes)
	if err == nil && string(b.buffer[:len(segmentMagic)]) == segmentMagic {
		start = segmentHeaderBytes
		err = b.fill(start + groupHeaderBytes)
	}
	if err == nil {
		payload := readGroupHeader(b.buffer[start:]).PayloadBytes
		err = b.fill(start + groupHeaderBytes + int(payload))
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return Group{}, err
	}
	return ReceivedGroup(b.buffer[:start], b.buffer[start:])
}

// fill reads until the buffer has n bytes.
func (b *GroupBytes) fill(n int) error {
	had := len(b.buffer)
	if int64(n-had) > b.left {
		return io.ErrUnexpectedEOF
	}
	if cap(b.buffer) < n {
		b.buffer = append(make([]byte, 0, n), b.buffer...)
	}
	b.buffer = b.buffer[:n]
	read, err := io.ReadFull(b.r, b.buffer[had:])
	b.left -= int64(read)
	return err
}
