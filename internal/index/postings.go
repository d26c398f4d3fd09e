package index

import (
	"slices"
	"sort"
)

// Postings iterates over positions, forwards or backwards. Its methods use keys instead
// of positions, so that the set operations do not depend on the direction: forwards, a
// key is the position, and backwards, its complement. Keys always ascend.
type Postings interface {
	// Seek returns the first key at or above the given one, or false if there is none.
	// The keys of successive calls must not descend.
	Seek(key uint64) (uint64, bool, error)
}

// Direction turns positions into keys and back.
type Direction bool

// The two directions of an iteration.
const (
	Forwards  Direction = false
	Backwards Direction = true
)

// Key returns the key of a position, and the position of a key.
func (d Direction) Key(x uint64) uint64 {
	if d == Backwards {
		return ^x
	}
	return x
}

// All is the Postings of every key.
type All struct{}

// Seek returns the key itself.
func (All) Seek(key uint64) (uint64, bool, error) { return key, true, nil }

// Empty is the Postings without keys.
type Empty struct{}

// Seek returns false.
func (Empty) Seek(uint64) (uint64, bool, error) { return 0, false, nil }

// Intersect returns the keys that are in all of the postings. It is fastest if the
// shortest postings come first.
func Intersect(all ...Postings) Postings {
	if len(all) == 1 {
		return all[0]
	}
	return intersection(all)
}

type intersection []Postings

// Seek advances the postings in turn until all of them have the same key.
func (all intersection) Seek(key uint64) (uint64, bool, error) {
	for agreed := 0; agreed < len(all); {
		for _, p := range all {
			found, ok, err := p.Seek(key)
			if err != nil || !ok {
				return 0, false, err
			}
			if found != key {
				key, agreed = found, 0
			}
			agreed++
		}
	}
	return key, true, nil
}

// Union returns the keys that are in any of the postings, each once.
func Union(of ...Postings) Postings {
	of = slices.DeleteFunc(of, func(p Postings) bool { return p == Empty{} })
	switch len(of) {
	case 0:
		return Empty{}
	case 1:
		return of[0]
	}
	return &union{unread: of}
}

// union is a heap of postings by their current keys.
type union struct {
	unread []Postings // before the first Seek
	heap   []cursor
}

// cursor is a postings with its current key.
type cursor struct {
	key      uint64
	postings Postings
}

// Seek advances all postings whose current key is below key.
func (u *union) Seek(key uint64) (uint64, bool, error) {
	for _, p := range u.unread {
		found, ok, err := p.Seek(key)
		if err != nil {
			return 0, false, err
		}
		if ok {
			u.heap = append(u.heap, cursor{found, p})
		}
	}
	if u.unread != nil {
		u.unread = nil
		for i := len(u.heap)/2 - 1; i >= 0; i-- {
			u.sink(i)
		}
	}
	for len(u.heap) > 0 && u.heap[0].key < key {
		if err := u.advance(key); err != nil {
			return 0, false, err
		}
	}
	if len(u.heap) == 0 {
		return 0, false, nil
	}
	return u.heap[0].key, true, nil
}

// advance advances the postings at the top of the heap, or removes it at its end.
func (u *union) advance(key uint64) error {
	found, ok, err := u.heap[0].postings.Seek(key)
	if err != nil {
		return err
	}
	if ok {
		u.heap[0].key = found
	} else {
		last := len(u.heap) - 1
		u.heap[0] = u.heap[last]
		u.heap = u.heap[:last]
	}
	u.sink(0)
	return nil
}

func (u *union) sink(i int) {
	for {
		least := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < len(u.heap) && u.heap[child].key < u.heap[least].key {
				least = child
			}
		}
		if least == i {
			return
		}
		u.heap[i], u.heap[least] = u.heap[least], u.heap[i]
		i = least
	}
}

// slicePostings is the Postings of a slice: positions ascending, relative to first.
type slicePostings struct {
	first     uint64
	positions []uint32
	direction Direction
	passed    int // how many were passed, in the direction of the iteration
}

// Seek uses a galloping search from the current position, so that an iteration in small
// steps takes linear time and a large step takes logarithmic time.
func (r *slicePostings) Seek(key uint64) (uint64, bool, error) {
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

// key returns the i-th key of the iteration.
func (r *slicePostings) key(i int) uint64 {
	if r.direction == Backwards {
		return ^(r.first + uint64(r.positions[len(r.positions)-1-i]))
	}
	return r.first + uint64(r.positions[i])
}
