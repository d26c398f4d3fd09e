package index

import (
	"cmp"
	"container/heap"
	"encoding/binary"
	"iter"
	"slices"
	"sort"
)

// TermTotal is what blocks have of a term together.
type TermTotal struct {
	Term
	// Count is the number of positions; 0 for a source.
	Count uint64
	// Position is the last one of a source; 0 for another term.
	Position uint64
}

// TermTotals ranges over the terms of adjacent blocks, and of memory blocks behind
// them as Memory.TermTotals gives them, both in the order of their positions. Each
// term comes once, in the order of terms. It reads no positions, and holds a
// window of each block however many terms there are. An error is the last thing
// that it yields.
func TermTotals(blocks []*Block, memories [][]TermTotal) iter.Seq2[TermTotal, error] {
	return func(yield func(TermTotal, error) bool) {
		var standing totalling
		for _, block := range blocks {
			standing = append(standing, &totalsCursor{block: block.ReadTerms(), order: len(standing)})
		}
		for _, memory := range memories {
			standing = append(standing, &totalsCursor{rest: memory, order: len(standing)})
		}
		if err := standing.begin(); err != nil {
			yield(TermTotal{}, err)
			return
		}
		for len(standing) > 0 {
			total, err := standing.next()
			if !yield(total, err) || err != nil {
				return
			}
		}
	}
}

// totalsCursor is where one block stands.
type totalsCursor struct {
	TermTotal
	order int         // among the blocks, the oldest first
	block *Terms      // nil for a memory block
	rest  []TermTotal // of a memory block
}

// advance moves to the block's next term, and tells whether there is one.
func (c *totalsCursor) advance() (bool, error) {
	if c.block != nil {
		return c.block.total(&c.TermTotal)
	}
	if len(c.rest) == 0 {
		return false, nil
	}
	c.TermTotal, c.rest = c.rest[0], c.rest[1:]
	return true, nil
}

// total reads the next term without its positions.
func (t *Terms) total(to *TermTotal) (bool, error) {
	size, more := t.head()
	if !more {
		return false, t.stream.err
	}
	*to = TermTotal{Term: t.Term}
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

// totalling is the blocks that are not at their end: a heap, the least term first
// and of one term the oldest block.
type totalling []*totalsCursor

// begin moves each block to its first term.
func (t *totalling) begin() error {
	var err error
	*t = slices.DeleteFunc(*t, func(c *totalsCursor) bool {
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
func (t *totalling) next() (TermTotal, error) {
	total := (*t)[0].TermTotal
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
			return TermTotal{}, err
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
func (t totalling) Len() int { return len(t) }

// Less is heap.Interface's.
func (t totalling) Less(i, j int) bool {
	if t[i].hash != t[j].hash {
		return t[i].hash < t[j].hash
	}
	return cmp.Or(compareTerms(t[i].Term, t[j].Term), cmp.Compare(t[i].order, t[j].order)) < 0
}

// Swap is heap.Interface's.
func (t totalling) Swap(i, j int) { t[i], t[j] = t[j], t[i] }

// Push is heap.Interface's.
func (t *totalling) Push(c any) { *t = append(*t, c.(*totalsCursor)) }

// Pop is heap.Interface's.
func (t *totalling) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}

// TermTotals gives the block's terms in their order, with how many positions each has
// up to last. It may be called while events are added.
func (m *HeadBlock) TermTotals(last uint64) []TermTotal {
	totals := m.countUpTo(last)
	slices.SortFunc(totals, func(a, b TermTotal) int {
		if a.hash != b.hash {
			return cmp.Compare(a.hash, b.hash)
		}
		return compareTerms(a.Term, b.Term)
	})
	return totals
}

// countUpTo is TermTotals in no order, for the lock keeps events from being added.
func (m *HeadBlock) countUpTo(last uint64) []TermTotal {
	m.mu.RLock()
	defer m.mu.RUnlock()
	totals := make([]TermTotal, 0, len(m.entries)+len(m.sources))
	for i := range m.entries {
		n := m.entries[i].upTo(last, m.first)
		if n > 0 {
			totals = append(totals, TermTotal{Term: m.entries[i].Term, Count: n})
		}
	}
	for source, position := range m.sources {
		totals = append(totals, TermTotal{Term: m.hasher.Source(source), Position: position})
	}
	return totals
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
