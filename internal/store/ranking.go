package store

import (
	"cmp"
	"container/heap"
	"slices"
)

// ranking counts terms and keeps those with the most events: a heap, the least
// of them first.
type ranking struct {
	most int
	seen uint64
	kept []TermCount
}

// CompareCounts is the order of a ranking, the most events first. Names decide
// between equals, so that it is the same each time.
func CompareCounts(a, b TermCount) int {
	return cmp.Or(cmp.Compare(b.Events, a.Events), cmp.Compare(a.Name, b.Name))
}

func (r *ranking) add(term TermCount) {
	r.seen++
	switch {
	case len(r.kept) < r.most:
		heap.Push(r, term)
	case r.most > 0 && CompareCounts(term, r.kept[0]) < 0:
		r.kept[0] = term
		heap.Fix(r, 0)
	}
}

func (r *ranking) stats() TermStats {
	top := append([]TermCount{}, r.kept...) // in JSON a list, not null
	slices.SortFunc(top, CompareCounts)
	return TermStats{Distinct: r.seen, Top: top}
}

// Len is heap.Interface's.
func (r *ranking) Len() int { return len(r.kept) }

// Less is heap.Interface's.
func (r *ranking) Less(i, j int) bool { return CompareCounts(r.kept[i], r.kept[j]) > 0 }

// Swap is heap.Interface's.
func (r *ranking) Swap(i, j int) { r.kept[i], r.kept[j] = r.kept[j], r.kept[i] }

// Push is heap.Interface's.
func (r *ranking) Push(term any) { r.kept = append(r.kept, term.(TermCount)) }

// Pop is heap.Interface's.
func (r *ranking) Pop() any {
	last := r.kept[len(r.kept)-1]
	r.kept = r.kept[:len(r.kept)-1]
	return last
}
