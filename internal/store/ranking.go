package store

import (
	"cmp"
	"container/heap"
	"slices"
	"strings"

	"github.com/umadb-go/umadb/dcb"
)

// CompareCounts orders terms by their number of events, the most first, and then by
// name, so that the order is deterministic.
func CompareCounts(a, b dcb.TermCount) int {
	return cmp.Or(cmp.Compare(b.Events, a.Events), cmp.Compare(a.Name, b.Name))
}

// compareNames orders terms by name.
func compareNames(a, b dcb.TermCount) int { return cmp.Compare(a.Name, b.Name) }

// ranking counts terms, and keeps the first ones of an order in a heap, of which the last one
// is the root.
type ranking struct {
	compare   func(a, b dcb.TermCount) int
	limit     int // maximum number of terms that are kept
	nameBytes int // maximum length of a name that is kept; 0 for no maximum
	seen      uint64
	kept      []dcb.TermCount
	bytes     int // total length of the names that are kept
}

// add counts a term. It copies the name if it keeps it.
func (r *ranking) add(term dcb.TermCount) {
	r.seen++
	switch {
	case len(r.kept) < r.limit:
		heap.Push(r, r.copy(term))
	case r.limit > 0 && r.compare(term, r.kept[0]) < 0:
		r.bytes -= len(r.kept[0].Name)
		r.kept[0] = r.copy(term)
		heap.Fix(r, 0)
	}
}

// copy returns a term with a copy of its name that is not longer than permitted.
func (r *ranking) copy(term dcb.TermCount) dcb.TermCount {
	if r.nameBytes > 0 && len(term.Name) > r.nameBytes {
		term.Name = strings.ToValidUTF8(term.Name[:r.nameBytes], "") + "…"
	} else {
		term.Name = strings.Clone(term.Name)
	}
	r.bytes += len(term.Name)
	return term
}

// sorted returns the terms that are kept in their order.
func (r *ranking) sorted() []dcb.TermCount {
	sorted := append([]dcb.TermCount{}, r.kept...) // not nil: a list in JSON, not null
	slices.SortFunc(sorted, r.compare)
	return sorted
}

// Len implements heap.Interface.
func (r *ranking) Len() int { return len(r.kept) }

// Less implements heap.Interface.
func (r *ranking) Less(i, j int) bool { return r.compare(r.kept[i], r.kept[j]) > 0 }

// Swap implements heap.Interface.
func (r *ranking) Swap(i, j int) { r.kept[i], r.kept[j] = r.kept[j], r.kept[i] }

// Push implements heap.Interface.
func (r *ranking) Push(term any) { r.kept = append(r.kept, term.(dcb.TermCount)) }

// Pop implements heap.Interface.
func (r *ranking) Pop() any {
	last := r.kept[len(r.kept)-1]
	r.kept = r.kept[:len(r.kept)-1]
	return last
}
