package transport

import "google.golang.org/grpc/mem"

// MinNotified is the minimum capacity in bytes of the buffer of a message for which
// NewBuffer can notify. gRPC does not return smaller buffers to their pool.
const MinNotified = 1<<10 + 1

// NewBuffer returns a buffer of a message that will be sent once. When the message has
// been written to the connection, gRPC returns data to the pool, and written is called,
// which may be nil. If the call is cancelled or the connection breaks, written may not be
// called.
func NewBuffer(data *[]byte, pool mem.BufferPool, written func()) mem.Buffer {
	if written != nil {
		pool = notifyingPool{pool, written}
	}
	return mem.NewBuffer(data, pool)
}

// notifyingPool is a pool that calls written when a buffer is returned to it.
type notifyingPool struct {
	mem.BufferPool
	written func()
}

// Put returns a buffer to the pool.
func (p notifyingPool) Put(data *[]byte) {
	p.BufferPool.Put(data)
	p.written()
}
