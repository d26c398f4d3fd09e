package wire

import (
	"slices"
	"sync"
)

// LargeSlab is the capacity in bytes of the largest pooled slabs. A response
// message ends at about 256 KiB; the rest is for the event that exceeds it.
const LargeSlab = 320 << 10

// SmallSlab is the capacity in bytes of the smallest slabs.
const SmallSlab = 1280

// Slabs is the pool of buffers that messages are built in. A buffer is not cleared before
// it is used again: the caller must write every byte.
var Slabs = new(slabPool)

// slabSizes are the capacities of slabs in bytes, ascending.
var slabSizes = [...]int{SmallSlab, 4 << 10, 32 << 10, LargeSlab}

// slabPool has one pool of *[]byte for each of slabSizes.
type slabPool [len(slabSizes)]sync.Pool

// SlabCapacity returns the capacity in bytes of a slab with the given length.
func SlabCapacity(length int) int {
	for _, size := range slabSizes {
		if length <= size {
			return size
		}
	}
	return length
}

// Get returns a slab of the given length. Its contents are undefined.
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

// Put returns a slab to the pool. A slab that is larger than LargeSlab is left to the
// garbage collector.
func (p *slabPool) Put(slab *[]byte) {
	if i := slices.Index(slabSizes[:], cap(*slab)); i >= 0 {
		p[i].Put(slab)
	}
}

// Trim moves a message that fills at most a quarter of its slab to a smaller
// slab, so that a slow connection does not hold more memory than it needs.
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
