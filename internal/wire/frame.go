package wire

import "google.golang.org/grpc/mem"

// Frame is a message as its bytes: encoded already when it is sent, not yet
// decoded when it has been received. The zero Frame is an empty message, and
// one to receive into.
type Frame struct {
	data mem.BufferSlice
}

// NewFrame makes a message of bytes, which must not change as long as the call
// lasts that they are sent by.
func NewFrame(message []byte) *Frame {
	return &Frame{mem.BufferSlice{mem.SliceBuffer(message)}}
}

// NewSlabFrame makes a message of a slab, which goes back to its pool when the
// message has been written to the connection. The message must be sent, once.
// written, if not nil, is then called; if the connection breaks, it may not be.
func NewSlabFrame(slab *[]byte, written func()) *Frame {
	pool := Slabs
	if written != nil {
		pool = notifyingPool{Slabs, written}
	}
	return &Frame{mem.BufferSlice{mem.NewBuffer(Trim(slab), pool)}}
}

// notifyingPool tells when a slab comes back.
type notifyingPool struct {
	mem.BufferPool
	written func()
}

// Put takes a slab back.
func (p notifyingPool) Put(slab *[]byte) {
	p.BufferPool.Put(slab)
	p.written()
}

// Bytes gives a received message in one piece, until it is freed.
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

// Free gives the buffers of a received message back; it may be called again.
func (f *Frame) Free() {
	f.data.Free()
	f.data = nil
}
