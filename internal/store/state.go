package store

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/umadb-go/umadb/internal/index"
)

// part is a block of the index, in a file or in memory.
type part interface {
	Postings(index.Term, index.Direction) (index.Postings, int, error)
	Locations(dst []index.Location, from uint64, n int) ([]index.Location, error)
	Tracking(source index.Term) (uint64, bool, error)
}

// fileBlock is a block in a file, closed when the last state that has it is gone.
type fileBlock struct {
	*index.Block
	states   atomic.Int32 // that have the block
	obsolete atomic.Bool  // replaced: the file is to be removed
	suspect  atomic.Bool  // a page was found damaged: the block is to be built again
}

// memory is a block in memory with the groups that it covers. The span is the
// writer's until a newer memory follows; from then on it does not change.
type memory struct {
	*index.HeadBlock
	span     index.Span
	logBytes int64
}

// state is which blocks there are: an immutable list, by position. Who uses one
// holds it, so that its files stay.
type state struct {
	blocks   []*fileBlock
	memories []*memory // the last is the one that is added to
	holders  atomic.Int32
	retire   func(*fileBlock)
}

// states holds the current state.
type states struct {
	mu      sync.Mutex // taken to replace current
	current atomic.Pointer[state]
	retire  func(*fileBlock) // closes a block that no state has
}

// hold gives the current state, to be released.
func (s *states) hold() *state {
	for {
		st := s.current.Load()
		if n := st.holders.Load(); n > 0 && st.holders.CompareAndSwap(n, n+1) {
			return st
		}
	}
}

func (st *state) release() {
	if st.holders.Add(-1) > 0 {
		return
	}
	for _, b := range st.blocks {
		if b.states.Add(-1) == 0 {
			st.retire(b)
		}
	}
}

// change replaces the current state by an altered copy.
func (s *states) change(alter func(*state)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := &state{retire: s.retire}
	old := s.current.Load()
	if old != nil {
		next.blocks = slices.Clone(old.blocks)
		next.memories = slices.Clone(old.memories)
	}
	alter(next)
	next.holders.Store(1)
	for _, b := range next.blocks {
		b.states.Add(1)
	}
	s.current.Store(next)
	if old != nil {
		old.release()
	}
}

// replaceBlocks puts others in the place of adjacent blocks.
func (st *state) replaceBlocks(old, others []*fileBlock) {
	at := slices.Index(st.blocks, old[0])
	st.blocks = slices.Replace(st.blocks, at, at+len(old), others...)
}

// snapshot is a state with the position up to which it is to be looked at.
type snapshot struct {
	*state
	head uint64
}

// snapshot gives the published head with a state that covers it. The head has
// to be loaded first: the state may run ahead of it and must not lag.
func (s *Store) snapshot() snapshot {
	head := s.published.Load().head
	return snapshot{s.states.hold(), head}
}

// stretch is a part with the positions to look at in it.
type stretch struct {
	part
	first, last uint64 // not empty
}

// size returns the number of positions.
func (st stretch) size() uint64 { return st.last + 1 - st.first }

// begin returns the first width positions in the order of a direction, or all if
// there are fewer.
func (st stretch) begin(width uint64, direction index.Direction) stretch {
	width = min(width, st.size())
	if direction == index.Backwards {
		st.first = st.last + 1 - width
	} else {
		st.last = st.first + width - 1
	}
	return st
}

// end returns the last position in the order of a direction.
func (st stretch) end(direction index.Direction) uint64 {
	if direction == index.Backwards {
		return st.first
	}
	return st.last
}

// after returns the positions after one of them, in the order of a direction. There
// may be none.
func (st stretch) after(position uint64, direction index.Direction) stretch {
	if direction == index.Backwards {
		st.last = position - 1
	} else {
		st.first = position + 1
	}
	return st
}

// stretches gives the parts that bear on the positions from low to high, in the
// order of a walk.
func (sn snapshot) stretches(low, high uint64, direction index.Direction) []stretch {
	high = min(high, sn.head)
	out := make([]stretch, 0, len(sn.blocks)+len(sn.memories))
	add := func(p part, first, next uint64) {
		first, last := max(first, low), min(next-1, high)
		if first <= last {
			out = append(out, stretch{p, first, last})
		}
	}
	for _, b := range sn.blocks {
		add(b, b.First, b.Next())
	}
	for i, m := range sn.memories {
		next := sn.head + 1
		if i+1 < len(sn.memories) {
			next = sn.memories[i+1].First()
		}
		add(m, m.First(), next)
	}
	if direction == index.Backwards {
		slices.Reverse(out)
	}
	return out
}
