package store

import (
	"cmp"
	"container/heap"
	"slices"
)

// ranking counts terms and keeps those with the most events in a heap, the fewest
// first.
type ranking struct {
	limit int
	seen  uint64
	kept  []TermCount
}

// CompareCounts orders terms by their number of events, the most first, and then by
// name, so that the order is deterministic.
func CompareCounts(a, b TermCount) int {
	return cmp.Or(cmp.Compare(b.Events, a.Events), cmp.Compare(a.Name, b.Name))
}

func (r *ranking) add(term TermCount) {
	r.seen++
	switch {
	case len(r.kept) < r.limit:
		heap.Push(r, term)
	case r.limit > 0 && CompareCounts(term, r.kept[0]) < 0:
		r.kept[0] = term
		heap.Fix(r, 0)
	}
}

func (r *ranking) stats() TermStats {
	top := append([]TermCount{}, r.kept...) // not nil: a list in JSON, not null
	slices.SortFunc(top, CompareCounts)
	return TermStats{Distinct: r.seen, Top: top}
}

// Len implements heap.Interface.
func (r *ranking) Len() int { return len(r.kept) }

// Less implements heap.Interface.
func (r *ranking) Less(i, j int) bool { return CompareCounts(r.kept[i], r.kept[j]) > 0 }

// Swap implements heap.Interface.
func (r *ranking) Swap(i, j int) { r.kept[i], r.kept[j] = r.kept[j], r.kept[i] }

// Push implements heap.Interface.
func (r *ranking) Push(term any) { r.kept = append(r.kept, term.(TermCount)) }

// Pop implements heap.Interface.
func (r *ranking) Pop() any {
	last := r.kept[len(r.kept)-1]
	r.kept = r.kept[:len(r.kept)-1]
	return last
}
