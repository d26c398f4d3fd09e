package wire

import "google.golang.org/grpc/mem"

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
