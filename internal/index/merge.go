package index

import (
	"cmp"
	"slices"
)

// mergeHeap merges ascending sequences: it is a heap of those that are not at their end, by
// their current keys.
type mergeHeap[S any] struct {
	items []mergeItem[S]
	// less orders sequences with equal keys. It may be nil.
	less func(a, b S) bool
}

// mergeItem is a sequence with its current key. The key is beside the sequence so that most
// comparisons need no call.
type mergeItem[S any] struct {
	key      uint64
	sequence S
}

// add adds a sequence with its current key.
func (m *mergeHeap[S]) add(key uint64, sequence S) {
	m.items = append(m.items, mergeItem[S]{key, sequence})
	for i := len(m.items) - 1; i > 0; {
		parent := (i - 1) / 2
		if !m.before(i, parent) {
			return
		}
		m.items[i], m.items[parent] = m.items[parent], m.items[i]
		i = parent
	}
}

// moved updates the first sequence, which has moved to a key, or to its end if more is
// false.
func (m *mergeHeap[S]) moved(key uint64, more bool) {
	if more {
		m.items[0].key = key
	} else {
		last := len(m.items) - 1
		m.items[0] = m.items[last]
		m.items = m.items[:last]
	}
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(m.items); child++ {
			if m.before(child, least) {
				least = child
			}
		}
		if least == i {
			return
		}
		m.items[i], m.items[least] = m.items[least], m.items[i]
		i = least
	}
}

func (m *mergeHeap[S]) before(i, j int) bool {
	a, b := &m.items[i], &m.items[j]
	if a.key != b.key {
		return a.key < b.key
	}
	return m.less != nil && m.less(a.sequence, b.sequence)
}

// termCursor is a block with its current term.
type termCursor struct {
	TermTotal             // of the current term, in this block; a source in a file has no Position
	block     int         // number of the block; the oldest has 0
	file      *Terms      // nil for a head block
	head      *HeadTerms  // nil for a file, and for the tracking sources of a head block
	sources   []TermTotal // the remaining ones
	from      *Term       // terms before it are skipped; nil for none
}

// next moves to the next term, and reports whether there is one. It does not read the
// data of terms in files.
func (c *termCursor) next() (bool, error) {
	for {
		more, err := c.nextOfAll()
		if err != nil || !more || c.from == nil {
			return more, err
		}
		if compareTerms(c.Term, *c.from) >= 0 {
			c.from = nil
			return true, nil
		}
	}
}

// nextOfAll is next without from.
func (c *termCursor) nextOfAll() (bool, error) {
	switch {
	case c.file != nil:
		more, err := c.file.nextEntry()
		c.Term, c.Count = c.file.Term, uint64(c.file.Count)
		return more, err
	case c.head != nil:
		var more bool
		c.TermTotal, more = c.head.next()
		return more, nil
	case len(c.sources) == 0:
		return false, nil
	}
	c.TermTotal, c.sources = c.sources[0], c.sources[1:]
	return true, nil
}

// termMerge merges the terms of adjacent blocks.
type termMerge struct {
	heap    termHeap
	current []*termCursor // at the current term
}

// newTermMerge returns a merge of blocks, which are before their first terms, in the order of the
// blocks.
func newTermMerge(cursors []*termCursor) *termMerge {
	for i, c := range cursors {
		c.block = i
	}
	return &termMerge{
		heap: termHeap{mergeHeap[*termCursor]{less: func(a, b *termCursor) bool {
			return cmp.Or(compareTerms(a.Term, b.Term), cmp.Compare(a.block, b.block)) < 0
		}}},
		current: slices.Clone(cursors),
	}
}

// next moves to the next distinct term, in the order of terms. It returns the cursors of the
// blocks that have it, in the order of the blocks; none at the end. They are valid until the
// next call. It must not be called after an error.
func (m *termMerge) next() ([]*termCursor, error) {
	for _, c := range m.current {
		more, err := c.next()
		switch {
		case err != nil:
			return nil, err
		case len(m.heap.items) > 0 && m.heap.items[0].sequence == c: // the only one of its hash
			m.heap.moved(c.hash, more)
		case more:
			m.heap.add(c.hash, c)
		}
	}
	m.current = m.current[:0]
	if len(m.heap.items) > 0 {
		m.current = m.heap.takeTerm(m.current)
	}
	return m.current, nil
}

// termHeap is a heap of blocks by their current terms.
type termHeap struct{ mergeHeap[*termCursor] }

// takeTerm appends the cursors at the first term, and removes them from the heap. If it is a
// single one, as it is for most terms, it stays in the heap until it has moved.
func (m *termHeap) takeTerm(dst []*termCursor) []*termCursor {
	first := m.items[0]
	if !m.hasKey(1, first.key) && !m.hasKey(2, first.key) {
		return append(dst, first.sequence)
	}
	for term := first.sequence.Term; len(m.items) > 0 && m.items[0].sequence.Term == term; m.moved(0, false) {
		dst = append(dst, m.items[0].sequence)
	}
	return dst
}

// hasKey reports whether the i-th item exists and has a key.
func (m *termHeap) hasKey(i int, key uint64) bool {
	return i < len(m.items) && m.items[i].key == key
}
