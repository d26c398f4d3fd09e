package index

import (
	"cmp"
	"container/heap"
	"encoding/binary"
	"iter"
	"slices"
)

// TermTotal is the sum over several blocks for one term.
type TermTotal struct {
	Term
	// Count is the number of positions; 0 for a source.
	Count uint64
	// Position is the last position of a source; 0 for another term.
	Position uint64
}

// TermTotals iterates over the terms of adjacent blocks, and of the head blocks that
// follow them, given as the results of HeadBlock.TermTotals. Both must be in the order
// of their positions. Each term comes once, in the order of terms. TermTotals reads no
// lists of positions, and needs memory for one window of each block, however many terms
// there are. It ends after the first error.
func TermTotals(blocks []*Block, heads [][]TermTotal) iter.Seq2[TermTotal, error] {
	return func(yield func(TermTotal, error) bool) {
		var cursors mergeHeap
		for _, block := range blocks {
			cursors = append(cursors, &totalsCursor{block: block.ReadTerms(), order: len(cursors)})
		}
		for _, head := range heads {
			cursors = append(cursors, &totalsCursor{rest: head, order: len(cursors)})
		}
		if err := cursors.init(); err != nil {
			yield(TermTotal{}, err)
			return
		}
		for len(cursors) > 0 {
			total, err := cursors.next()
			if !yield(total, err) || err != nil {
				return
			}
		}
	}
}

// totalsCursor is a block with its current term.
type totalsCursor struct {
	TermTotal
	order int         // of the block; the oldest block has 0
	block *Terms      // nil for a head block
	rest  []TermTotal // of a head block
}

// advance moves to the block's next term, and reports whether there is one.
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
		return false, t.stream.block.corruption(t.stream.at, "a tracking position is malformed")
	}
	to.Position = position
	return true, nil
}

// mergeHeap is a heap of the blocks that are not at their end, by their current term.
// For equal terms, the oldest block is first.
type mergeHeap []*totalsCursor

// init moves each block to its first term.
func (t *mergeHeap) init() error {
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

// next returns the least term with its total over all blocks.
func (t *mergeHeap) next() (TermTotal, error) {
	total := (*t)[0].TermTotal
	total.Count = 0
	for len(*t) > 0 {
		least := (*t)[0]
		if compareTerms(least.Term, total.Term) != 0 {
			break
		}
		total.Count += least.Count
		total.Position = least.Position // the newest block comes last
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

// Len implements heap.Interface.
func (t mergeHeap) Len() int { return len(t) }

// Less implements heap.Interface.
func (t mergeHeap) Less(i, j int) bool {
	if t[i].hash != t[j].hash {
		return t[i].hash < t[j].hash
	}
	return cmp.Or(compareTerms(t[i].Term, t[j].Term), cmp.Compare(t[i].order, t[j].order)) < 0
}

// Swap implements heap.Interface.
func (t mergeHeap) Swap(i, j int) { t[i], t[j] = t[j], t[i] }

// Push implements heap.Interface.
func (t *mergeHeap) Push(c any) { *t = append(*t, c.(*totalsCursor)) }

// Pop implements heap.Interface.
func (t *mergeHeap) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}
