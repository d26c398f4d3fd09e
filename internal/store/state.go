package store

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/umadb-go/umadb/internal/index"
)

// block is a block of the index: a file block or a head block.
type block interface {
	Postings(index.Term, index.Direction) (index.Ranked, int, error)
	Locations(dst []index.Location, from uint64, n int) ([]index.Location, error)
	Tracking(source index.Term) (uint64, bool, error)
	Times(dst []int64, positions []uint64) ([]int64, error)
	PositionAt(time int64) (uint64, bool, error)
}

// fileBlock is a block in a file. It is closed when no state has it.
type fileBlock struct {
	*index.Block
	states   atomic.Int32 // number of states that have the block
	obsolete atomic.Bool  // replaced; the file must be removed when it is closed
	corrupt  atomic.Bool  // a page is corrupt; the block must be rebuilt
	// rebuildAfter is when the rebuild may be tried again, because the log is corrupt as well.
	// The compactor uses it.
	rebuildAfter time.Time
}

// state is an immutable list of the blocks of the index, ordered by position. Its
// files stay open until the last reference is released.
type state struct {
	blocks     []*fileBlock
	heads      []*headBlock // the writer adds to the last
	references atomic.Int32
	retire     func(*fileBlock)
}

// states holds the current state.
type states struct {
	mu      sync.Mutex // held while current is replaced and while a group is withdrawn
	current atomic.Pointer[state]
	// blockBytes is the length of the files of all blocks that a state has.
	blockBytes atomic.Int64
	retire     func(*fileBlock) // closes a block that no state has
}

// acquire returns the current state. The caller must release it.
func (s *states) acquire() *state {
	for {
		st := s.current.Load()
		if n := st.references.Load(); n > 0 && st.references.CompareAndSwap(n, n+1) {
			return st
		}
	}
}

func (st *state) release() {
	if st.references.Add(-1) > 0 {
		return
	}
	for _, b := range st.blocks {
		if b.states.Add(-1) == 0 {
			st.retire(b)
		}
	}
}

// change replaces the current state with a copy that alter has changed.
func (s *states) change(alter func(*state)) {
	if old := s.replace(alter); old != nil {
		old.release() // may close and remove files, so not under the lock
	}
}

// replace is change, but returns the state before instead of releasing it.
func (s *states) replace(alter func(*state)) (old *state) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := &state{retire: s.retire}
	old = s.current.Load()
	if old != nil {
		next.blocks = slices.Clone(old.blocks)
		next.heads = slices.Clone(old.heads)
	}
	alter(next)
	next.references.Store(1)
	for _, b := range next.blocks {
		if b.states.Add(1) == 1 {
			s.blockBytes.Add(b.Bytes)
		}
	}
	s.current.Store(next)
	return old
}

// replaceBlocks replaces adjacent blocks with others.
func (st *state) replaceBlocks(old, others []*fileBlock) {
	at := slices.Index(st.blocks, old[0])
	st.blocks = slices.Replace(st.blocks, at, at+len(old), others...)
}

// snapshot is a state and the last position visible in it.
type snapshot struct {
	*state
	head uint64
}

// snapshot returns the published head with a state that covers it. The caller must
// release it. The head is loaded first, because the state may be newer than the head
// but must not be older.
func (s *Store) snapshot() snapshot {
	head := s.published.Load().head
	return snapshot{s.states.acquire(), head}
}

// exactSnapshot is a published head with a state whose file blocks cover no group after
// the head. Its head blocks may.
type exactSnapshot struct {
	*state
	head, group uint64
}

// exactSnapshot returns a snapshot of everything published now. The caller must release
// it.
func (s *Store) exactSnapshot() exactSnapshot {
	for {
		published := s.published.Load()
		st := s.states.acquire()
		n := len(st.blocks)
		if n == 0 || st.blocks[n-1].LastGroup <= published.group {
			return exactSnapshot{st, published.head, published.group}
		}
		st.release() // a newer block was flushed in between
	}
}

// blockRange is a range of positions in one block.
type blockRange struct {
	block
	first, last uint64
}

// size returns the number of positions.
func (r blockRange) size() uint64 { return r.last + 1 - r.first }

// begin returns the first width positions in the order of a direction, or all if
// there are fewer.
func (r blockRange) begin(width uint64, direction index.Direction) blockRange {
	width = min(width, r.size())
	if direction == index.Backwards {
		r.first = r.last + 1 - width
	} else {
		r.last = r.first + width - 1
	}
	return r
}

// end returns the last position in the order of a direction.
func (r blockRange) end(direction index.Direction) uint64 {
	if direction == index.Backwards {
		return r.first
	}
	return r.last
}

// after returns the positions after one of them in the order of a direction. The
// result may be empty.
func (r blockRange) after(position uint64, direction index.Direction) blockRange {
	if direction == index.Backwards {
		r.last = position - 1
	} else {
		r.first = position + 1
	}
	return r
}

// blockRanges returns the ranges that cover the positions from low to high, in the
// order of a direction.
func (sn snapshot) blockRanges(low, high uint64, direction index.Direction) []blockRange {
	high = min(high, sn.head)
	out := make([]blockRange, 0, len(sn.blocks)+len(sn.heads))
	add := func(b block, first, next uint64) {
		first, last := max(first, low), min(next-1, high)
		if first <= last {
			out = append(out, blockRange{b, first, last})
		}
	}
	for _, b := range sn.blocks {
		add(b, b.First, b.Next())
	}
	for i, h := range sn.heads {
		next := sn.head + 1
		if i+1 < len(sn.heads) {
			next = sn.heads[i+1].First()
		}
		add(h, h.First(), next)
	}
	if direction == index.Backwards {
		slices.Reverse(out)
	}
	return out
}
