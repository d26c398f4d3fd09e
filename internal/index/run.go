package index

import "sort"

// run is postings in memory: positions ascending, relative to first.
type run struct {
	first     uint64
	positions []uint32
	direction Direction
	passed    int // how many, in the direction of the walk, lie behind
}

// Seek gallops from where it stands, so that a walk with small steps is linear
// and a leap logarithmic.
func (r *run) Seek(key uint64) (uint64, bool, error) {
	n := len(r.positions)
	low, step := r.passed, 1
	for low+step <= n && r.key(low+step-1) < key {
		low += step
		step *= 2
	}
	within := min(step, n-low)
	r.passed = low + sort.Search(within, func(i int) bool { return r.key(low+i) >= key })
	if r.passed == n {
		return 0, false, nil
	}
	return r.key(r.passed), true, nil
}

// key gives the i-th key of the walk.
func (r *run) key(i int) uint64 {
	if r.direction == Backwards {
		return ^(r.first + uint64(r.positions[len(r.positions)-1-i]))
	}
	return r.first + uint64(r.positions[i])
}
