package wire

import (
	"slices"
	"sync"

	"google.golang.org/grpc/mem"
)

// LargeSlab is the capacity in bytes of the largest slabs that are made in
// advance: a response message is cut at about 256 KiB, with some room for the
// event that goes over.
const LargeSlab = 320 << 10

// SmallSlab is the capacity in bytes of the smallest slabs. gRPC does not return a
// buffer of up to 1 KiB to its pool, so it would not be known when it has been written.
const SmallSlab = 1280

// Slabs is the pool of the buffers that messages are put together in. Unlike
// gRPC's own it does not clear what it gives: whoever takes a slab writes it.
var Slabs mem.BufferPool = new(slabPool)

// slabSizes are the capacities of slabs in bytes, ascending.
var slabSizes = [...]int{SmallSlab, 4 << 10, 32 << 10, LargeSlab}

// slabPool has one pool of *[]byte for each of slabSizes.
type slabPool [len(slabSizes)]sync.Pool

// SlabCapacity returns the capacity in bytes of a slab for some length.
func SlabCapacity(length int) int {
	for _, size := range slabSizes {
		if length <= size {
			return size
		}
	}
	return length
}

// Get gives a slab of a length, with bytes of anyone's in it.
func (p *slabPool) Get(length int) *[]byte {
	for i, size := range slabSizes {
		if length > size {
			continue
		}
		slab, ok := p[i].Get().(*[]byte)
		if !ok {
			slab = new(make([]byte, size))
		}
		*slab = (*slab)[:length]
		return slab
	}
	return new(make([]byte, length))
}

// Put takes a slab back. One with a capacity of its own, for a large event, is left to
// the garbage collector.
func (p *slabPool) Put(slab *[]byte) {
	if i := slices.Index(slabSizes[:], cap(*slab)); i >= 0 {
		p[i].Put(slab)
	}
}

// Trim moves a message that fills little of its slab to a smaller one, so that
// a connection which is slow to take it holds no more than it has to.
func Trim(slab *[]byte) *[]byte {
	for _, size := range slabSizes {
		if len(*slab) <= size && size <= cap(*slab)/4 {
			smaller := Slabs.Get(len(*slab))
			copy(*smaller, *slab)
			Slabs.Put(slab)
			return smaller
		}
	}
	return slab
}
