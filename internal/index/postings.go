package index

import "slices"

// Postings are positions in the order of a walk, forwards or backwards. They
// speak of keys, so that the algebra need not know the direction: a key is the
// position forwards and its complement backwards, and keys always ascend.
type Postings interface {
	// Seek gives the first key at or above the given one, and false if there is
	// none. Keys sought must not descend.
	Seek(key uint64) (uint64, bool, error)
}

// Direction turns positions into keys and back.
type Direction bool

// The two directions of a walk.
const (
	Forwards  Direction = false
	Backwards Direction = true
)

// Key gives a position's key, and a key's position.
func (d Direction) Key(x uint64) uint64 {
	if d == Backwards {
		return ^x
	}
	return x
}

// All has every key.
type All struct{}

// Seek gives the key itself.
func (All) Seek(key uint64) (uint64, bool, error) { return key, true, nil }

// Empty has no key.
type Empty struct{}

// Seek finds nothing.
func (Empty) Seek(uint64) (uint64, bool, error) { return 0, false, nil }

// Intersect gives the keys that all of the postings have. It is fastest with the
// rarest first.
func Intersect(all ...Postings) Postings {
	if len(all) == 1 {
		return all[0]
	}
	return intersection(all)
}

type intersection []Postings

// Seek lets each postings in turn leap to where the others stand.
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

// Union gives the keys that any of the postings has, each once.
func Union(any ...Postings) Postings {
	any = slices.DeleteFunc(any, func(p Postings) bool { return p == Empty{} })
	switch len(any) {
	case 0:
		return Empty{}
	case 1:
		return any[0]
	}
	return &union{fresh: any}
}

// union is a heap of postings by the key that each stands at.
type union struct {
	fresh []Postings // not sought yet
	heap  []standing
}

type standing struct {
	key      uint64
	postings Postings
}

// Seek moves every postings that stands below key.
func (u *union) Seek(key uint64) (uint64, bool, error) {
	for _, p := range u.fresh {
		found, ok, err := p.Seek(key)
		if err != nil {
			return 0, false, err
		}
		if ok {
			u.heap = append(u.heap, standing{found, p})
		}
	}
	if u.fresh != nil {
		u.fresh = nil
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

// advance moves the postings at the top of the heap, or drops it at its end.
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
