package index

import (
	"slices"
	"sort"
)

// The entries of a head block are in the order in which their terms were first added. Passes over the
// terms need the order of terms, again for each of their slices, so the block keeps it: the indexes of
// the entries that were published when it was last needed, 4 bytes for each. Terms that were added since
// are inserted. Published entries do not move and are never removed.

const (
	// entriesAtOnce is the number of entries that are read one after another while no events can be
	// added, and searchedAtOnce that of those that are searched, or read in the order of terms.
	entriesAtOnce, searchedAtOnce = 4096, 256
)

// entryTerm is a term with the index of its entry.
type entryTerm struct {
	Term
	entry uint32
}

// orderUpTo returns the indexes of entries in the order of their terms: of all that have a position up
// to last, which must be published, and maybe of others.
func (h *HeadBlock) orderUpTo(last uint64) []uint32 {
	h.ordering.Lock()
	defer h.ordering.Unlock()
	if added := h.termsFrom(len(h.order), last); len(added) > 0 {
		slices.SortFunc(added, func(a, b entryTerm) int { return compareTerms(a.Term, b.Term) })
		h.order = h.insert(h.order, added)
	}
	return h.order
}

// termsFrom returns the terms of the entries from an index on that have a position up to last.
func (h *HeadBlock) termsFrom(at int, last uint64) (terms []entryTerm) {
	for more := true; more; {
		terms, more = h.appendTerms(terms, at+len(terms), last)
	}
	return terms
}

// appendTerms appends the terms of at most entriesAtOnce entries, and reports whether there may be more.
func (h *HeadBlock) appendTerms(dst []entryTerm, at int, last uint64) ([]entryTerm, bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	end := min(at+entriesAtOnce, len(h.entries))
	for i := at; i < end; i++ {
		e := &h.entries[i]
		if h.first+uint64(e.one) > last { // and so are the first positions of later entries
			return dst, false
		}
		dst = append(dst, entryTerm{e.Term, uint32(i)})
	}
	return dst, end < len(h.entries)
}

// insert returns an order with added terms, which must be in order.
func (h *HeadBlock) insert(order []uint32, added []entryTerm) []uint32 {
	all := make([]uint32, 0, len(order)+len(added))
	for terms := range slices.Chunk(added, searchedAtOnce) {
		h.mu.RLock()
		for i := range terms {
			n := h.searchLocked(order, terms[i].Term)
			all = append(append(all, order[:n]...), terms[i].entry)
			order = order[n:]
		}
		h.mu.RUnlock()
	}
	return append(all, order...)
}

// searchLocked returns how many terms of an order are before a term. mu must be locked.
func (h *HeadBlock) searchLocked(order []uint32, term Term) int {
	return sort.Search(len(order), func(i int) bool { return compareTerms(h.entries[order[i]].Term, term) >= 0 })
}

// HeadTerms iterates over terms of a head block in their order.
type HeadTerms struct {
	block     *HeadBlock
	last      uint64
	selection TermSelection
	order     []uint32    // of entries that were not read yet
	buffer    []TermTotal // what was read
	rest      []TermTotal // the end of buffer that was not returned yet
}

// ReadTerms returns an iterator over the selected terms of the block, each with the number of its
// positions up to last, which must be published. It may be used while events are added.
func (h *HeadBlock) ReadTerms(last uint64, selection TermSelection) *HeadTerms {
	order := h.orderUpTo(last)
	if from := selection.From; from != nil {
		h.mu.RLock()
		defer h.mu.RUnlock()
		order = order[h.searchLocked(order, *from):]
	}
	return &HeadTerms{block: h, last: last, selection: selection, order: order}
}

// next returns the next term, and reports whether there is one.
func (t *HeadTerms) next() (total TermTotal, more bool) {
	for len(t.rest) == 0 {
		if len(t.order) == 0 {
			return total, false
		}
		n := min(len(t.order), searchedAtOnce)
		t.buffer = t.block.appendTotals(t.buffer[:0], t.order[:n], t.last, &t.selection)
		t.rest, t.order = t.buffer, t.order[n:]
	}
	total, t.rest = t.rest[0], t.rest[1:]
	return total, true
}

// appendTotals appends the totals of those of some entries that are selected and have a position up to
// last.
func (h *HeadBlock) appendTotals(dst []TermTotal, entries []uint32, last uint64, selection *TermSelection) []TermTotal {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, i := range entries {
		e := &h.entries[i]
		if !selection.Has(&e.Term) {
			continue
		}
		if n := e.upTo(last, h.first); n > 0 {
			dst = append(dst, TermTotal{Term: e.Term, Count: n})
		}
	}
	return dst
}

// sourceTotals returns the tracking sources of the block in the order of terms.
func (h *HeadBlock) sourceTotals() (totals []TermTotal) {
	h.mu.RLock()
	for source, position := range h.sources {
		totals = append(totals, TermTotal{Term: h.hasher.Source(source), Position: position})
	}
	h.mu.RUnlock()
	slices.SortFunc(totals, func(a, b TermTotal) int { return compareTerms(a.Term, b.Term) })
	return totals
}
