package wire

import (
	"google.golang.org/grpc/mem"

	"github.com/umadb-go/umadb/internal/transport"
)

// Frame is an encoded message, sent without further encoding and received
// without decoding. The zero Frame is an empty message and can be received into.
type Frame struct {
	data mem.BufferSlice
}

// NewFrame returns a frame of an encoded message. The message must not change
// until the call that sends it has ended.
func NewFrame(message []byte) *Frame {
	return &Frame{mem.BufferSlice{mem.SliceBuffer(message)}}
}

// NewSlabFrame returns a frame of the message in a slab. The frame must be sent
// exactly once. When it has been written to the connection, the slab is returned
// to its pool and written is called, which may be nil. If the connection breaks,
// written may not be called.
func NewSlabFrame(slab *[]byte, written func()) *Frame {
	return &Frame{mem.BufferSlice{transport.NewBuffer(Trim(slab), Slabs, written)}}
}

// Bytes returns a received message as one slice. It is valid until Free.
func (f *Frame) Bytes() []byte {
	switch len(f.data) {
	case 0:
		return nil
	case 1:
		return f.data[0].ReadOnlyData()
	}
	whole := f.data.MaterializeToBuffer(Slabs)
	f.data.Free()
	f.data = mem.BufferSlice{whole}
	return whole.ReadOnlyData()
}

// Free releases the buffers of a received message. It may be called again.
func (f *Frame) Free() {
	f.data.Free()
	f.data = nil
}
