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

// Ranked is the Postings of a term. They are a list, so the keys below one are counted without
// an iteration over them.
type Ranked interface {
	Postings
	// Rank returns the number of keys below the given one. The keys of successive calls of Rank and
	// Seek must not descend.
	Rank(key uint64) (int, error)
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

// Rank returns 0.
func (Empty) Rank(uint64) (int, error) { return 0, nil }

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
	return &union{unread: of, mergeHeap: mergeHeap[Postings]{items: make([]mergeItem[Postings], 0, len(of))}}
}

// union is a merge of postings.
type union struct {
	unread []Postings // before the first Seek
	mergeHeap[Postings]
}

// Seek advances all postings whose current key is below key.
func (u *union) Seek(key uint64) (uint64, bool, error) {
	for _, p := range u.unread {
		found, ok, err := p.Seek(key)
		if err != nil {
			return 0, false, err
		}
		if ok {
			u.add(found, p)
		}
	}
	u.unread = nil
	for len(u.items) > 0 && u.items[0].key < key {
		found, ok, err := u.items[0].sequence.Seek(key)
		if err != nil {
			return 0, false, err
		}
		u.moved(found, ok)
	}
	if len(u.items) == 0 {
		return 0, false, nil
	}
	return u.items[0].key, true, nil
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

// Rank implements Ranked.
func (r *slicePostings) Rank(key uint64) (int, error) {
	_, _, err := r.Seek(key)
	return r.passed, err
}

// key returns the i-th key of the iteration.
func (r *slicePostings) key(i int) uint64 {
	if r.direction == Backwards {
		return ^(r.first + uint64(r.positions[len(r.positions)-1-i]))
	}
	return r.first + uint64(r.positions[i])
}
