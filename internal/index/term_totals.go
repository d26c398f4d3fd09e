package index

import (
	"sort"
	"strings"
)

// TermTotal is the sum over several blocks for one term.
type TermTotal struct {
	Term
	// Count is the number of positions; 0 for a source.
	Count uint64
	// Position is the last position of a source; 0 for another term.
	Position uint64
}

// TermSelection selects terms. The zero value selects all, with tracking sources.
type TermSelection struct {
	Kind   Kind   // 0 for all
	Prefix string // of the text
	From   *Term  // terms that are before it in the order of terms are excluded; nil for none
}

// Has reports whether a term is selected. From is ignored.
func (s *TermSelection) Has(term *Term) bool {
	return (s.Kind == 0 || s.Kind == term.Kind) && strings.HasPrefix(term.Text, s.Prefix)
}

// TermScan iterates over the distinct terms of adjacent blocks, in the order of terms, with
// their totals. It reads no lists of positions, and needs memory for one window of each block, however
// many terms there are, and for tracking sources of head blocks.
type TermScan struct {
	merge   *termMerge
	entries uint64
}

// ScanTerms returns an iterator over the terms of blocks, and of the head blocks that follow
// them. Both must be in the order of their positions. It starts at from, which must be that of
// the selections of the head blocks, or at the first term if from is nil.
func ScanTerms(blocks []*Block, heads []*HeadTerms, from *Term) (*TermScan, error) {
	var cursors []*termCursor
	for _, block := range blocks {
		if from == nil {
			cursors = append(cursors, &termCursor{file: block.ReadTerms()})
			continue
		}
		terms, err := block.readTermsFrom(*from)
		if err != nil {
			return nil, err
		}
		cursors = append(cursors, &termCursor{file: terms, from: from})
	}
	for _, head := range heads {
		cursors = append(cursors, &termCursor{head: head})
		if head.selection.Kind == 0 {
			cursors = append(cursors, &termCursor{sources: head.block.sourceTotals(), from: from})
		}
	}
	return &TermScan{merge: newTermMerge(cursors)}, nil
}

// Next returns the total of the next term, and false at the end. The text is valid until the
// next call. Next must not be called after an error.
func (s *TermScan) Next() (TermTotal, bool, error) {
	current, err := s.merge.next()
	if err != nil || len(current) == 0 {
		return TermTotal{}, false, err
	}
	s.entries += uint64(len(current))
	total, err := sum(current)
	return total, err == nil, err
}

// Entries returns the number of entries of all blocks that Next has read.
func (s *TermScan) Entries() uint64 { return s.entries }

// sum returns the total of the term at which all cursors are.
func sum(cursors []*termCursor) (total TermTotal, err error) {
	newest := cursors[len(cursors)-1]
	total.Term = newest.Term
	switch {
	case newest.Kind != kindSource:
		for _, c := range cursors {
			total.Count += c.Count
		}
	case newest.file != nil:
		total.Position, err = newest.file.position()
	default:
		total.Position = newest.Position
	}
	return total, err
}

// CountUpTo returns how many events up to a position have a term.
func (h *HeadBlock) CountUpTo(term Term, last uint64) uint64 {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for i := h.table[term.hash]; i != 0; i = h.entries[i-1].same {
		if e := &h.entries[i-1]; e.Kind == term.Kind && e.Text == term.Text {
			return e.upTo(last, h.first)
		}
	}
	return 0
}

// Count returns how many events have a term.
func (b *Block) Count(term Term) (uint64, error) {
	var buffer [64]byte
	f, _, err := b.find(term, buffer[:0])
	return uint64(f.count), err
}

// upTo returns the number of positions up to last.
func (e *entry) upTo(last, first uint64) uint64 {
	if e.more == nil {
		if first+uint64(e.one) > last {
			return 0
		}
		return 1
	}
	return uint64(sort.Search(len(e.more), func(i int) bool { return first+uint64(e.more[i]) > last }))
}
