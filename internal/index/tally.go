package index

import (
	"cmp"
	"container/heap"
	"encoding/binary"
	"iter"
	"slices"
	"sort"
)

// Tally is what blocks have of a term together.
type Tally struct {
	Term
	// Count is the number of positions; 0 for a source.
	Count uint64
	// Position is the last one of a source; 0 for another term.
	Position uint64
}

// Tallies ranges over the terms of adjacent blocks, and of memory blocks behind
// them as Memory.Tally gives them, both in the order of their positions. Each
// term comes once, in the order of terms. It reads no positions, and holds a
// window of each block however many terms there are. An error is the last thing
// that it yields.
func Tallies(blocks []*Block, memories [][]Tally) iter.Seq2[Tally, error] {
	return func(yield func(Tally, error) bool) {
		var standing tallying
		for _, block := range blocks {
			standing = append(standing, &tallyCursor{block: block.ReadTerms(), order: len(standing)})
		}
		for _, memory := range memories {
			standing = append(standing, &tallyCursor{rest: memory, order: len(standing)})
		}
		if err := standing.begin(); err != nil {
			yield(Tally{}, err)
			return
		}
		for len(standing) > 0 {
			tally, err := standing.next()
			if !yield(tally, err) || err != nil {
				return
			}
		}
	}
}

// tallyCursor is where one block stands.
type tallyCursor struct {
	Tally
	order int     // among the blocks, the oldest first
	block *Terms  // nil for a memory block
	rest  []Tally // of a memory block
}

// advance moves to the block's next term, and tells whether there is one.
func (c *tallyCursor) advance() (bool, error) {
	if c.block != nil {
		return c.block.tally(&c.Tally)
	}
	if len(c.rest) == 0 {
		return false, nil
	}
	c.Tally, c.rest = c.rest[0], c.rest[1:]
	return true, nil
}

// tally reads the next term without its positions.
func (t *Terms) tally(to *Tally) (bool, error) {
	size, more := t.head()
	if !more {
		return false, t.stream.err
	}
	*to = Tally{Term: t.Term}
	if t.Kind != kindSource {
		to.Count = uint64(t.Count)
		t.stream.skip(size)
		return t.stream.err == nil, t.stream.err
	}
	t.data = t.stream.bytes(t.data[:0], size)
	if t.stream.err != nil {
		return false, t.stream.err
	}
	position, n := binary.Uvarint(t.data)
	if n <= 0 {
		return false, t.stream.block.damaged(t.stream.at, "a tracking position is malformed")
	}
	to.Position = position
	return true, nil
}

// tallying is the blocks that are not at their end: a heap, the least term first
// and of one term the oldest block.
type tallying []*tallyCursor

// begin moves each block to its first term.
func (t *tallying) begin() error {
	var err error
	*t = slices.DeleteFunc(*t, func(c *tallyCursor) bool {
		more := false
		if err == nil {
			more, err = c.advance()
		}
		return !more
	})
	heap.Init(t)
	return err
}

// next gives the least term with what all blocks have of it.
func (t *tallying) next() (Tally, error) {
	total := (*t)[0].Tally
	total.Count = 0
	for len(*t) > 0 {
		least := (*t)[0]
		if compareTerms(least.Term, total.Term) != 0 {
			break
		}
		total.Count += least.Count
		total.Position = least.Position // of the newest in the end
		more, err := least.advance()
		if err != nil {
			return Tally{}, err
		}
		if more {
			heap.Fix(t, 0)
		} else {
			heap.Pop(t)
		}
	}
	return total, nil
}

// Len is heap.Interface's.
func (t tallying) Len() int { return len(t) }

// Less is heap.Interface's.
func (t tallying) Less(i, j int) bool {
	if t[i].hash != t[j].hash {
		return t[i].hash < t[j].hash
	}
	return cmp.Or(compareTerms(t[i].Term, t[j].Term), cmp.Compare(t[i].order, t[j].order)) < 0
}

// Swap is heap.Interface's.
func (t tallying) Swap(i, j int) { t[i], t[j] = t[j], t[i] }

// Push is heap.Interface's.
func (t *tallying) Push(c any) { *t = append(*t, c.(*tallyCursor)) }

// Pop is heap.Interface's.
func (t *tallying) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}

// Tally gives the block's terms in their order, with how many positions each has
// up to last. It may be called while events are added.
func (m *Memory) Tally(last uint64) []Tally {
	tallies := m.countUpTo(last)
	slices.SortFunc(tallies, func(a, b Tally) int {
		if a.hash != b.hash {
			return cmp.Compare(a.hash, b.hash)
		}
		return compareTerms(a.Term, b.Term)
	})
	return tallies
}

// countUpTo is Tally in no order, for the lock keeps events from being added.
func (m *Memory) countUpTo(last uint64) []Tally {
	m.mu.RLock()
	defer m.mu.RUnlock()
	tallies := make([]Tally, 0, len(m.entries)+len(m.sources))
	for i := range m.entries {
		n := m.entries[i].upTo(last, m.first)
		if n > 0 {
			tallies = append(tallies, Tally{Term: m.entries[i].Term, Count: n})
		}
	}
	for source, position := range m.sources {
		tallies = append(tallies, Tally{Term: m.hasher.Source(source), Position: position})
	}
	return tallies
}

// upTo counts the positions up to last.
func (e *entry) upTo(last, first uint64) uint64 {
	if e.more == nil {
		if first+uint64(e.one) > last {
			return 0
		}
		return 1
	}
	return uint64(sort.Search(len(e.more), func(i int) bool { return first+uint64(e.more[i]) > last }))
}
