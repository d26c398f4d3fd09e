package store

import (
	"context"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/record"
)

// queryTerms are the types and the tags of a query, each of them once. Each message has the
// counts of its own snapshot.
type queryTerms struct {
	store *Store
	terms []record.Term // that were not returned yet
}

func newQueryTerms(s *Store, q dcb.Query) *queryTerms {
	t := &queryTerms{store: s}
	seen := make(map[record.Term]bool)
	add := func(kind record.TermKind, names []string) {
		for _, name := range names {
			term := record.Term{Kind: kind, TermCount: dcb.TermCount{Name: name}}
			if !seen[term] {
				seen[term] = true
				t.terms = append(t.terms, term)
			}
		}
	}
	for _, item := range q.Items {
		add(record.TypeTerm, item.Types)
		add(record.TagTerm, item.Tags)
	}
	return t
}

func (q *queryTerms) fill(ctx context.Context, m *termMessage) (bool, error) {
	w := q.store.exactSnapshot()
	defer w.release()
	for len(q.terms) > 0 {
		n, err := q.slice(ctx, w, m)
		q.terms = q.terms[n:]
		if err != nil {
			return false, err
		}
		if n == 0 { // the message is full
			return false, nil
		}
	}
	return true, nil
}

// slice adds the next terms, as many as a cheap evaluation may have, and returns their number.
func (q *queryTerms) slice(ctx context.Context, w exactSnapshot, m *termMessage) (int, error) {
	acquired, err := q.store.slots.acquire(ctx, 1, 0)
	if err != nil {
		return 0, err
	}
	defer acquired.release()
	if err := q.store.interrupted(ctx); err != nil {
		return 0, err
	}
	for i := range min(len(q.terms), cheapTerms) {
		term := &q.terms[i]
		if term.Events, err = q.store.countTerm(w, index.Kind(term.Kind), term.Name); err != nil {
			return i, err
		}
		if !m.put(term) {
			return i, nil
		}
	}
	return min(len(q.terms), cheapTerms), nil
}

// countTerm returns the number of events of a term.
func (s *Store) countTerm(w exactSnapshot, kind index.Kind, text string) (total uint64, err error) {
	term := s.hasher.Term(kind, text)
	for _, b := range w.blocks {
		n, err := b.Count(term)
		if err != nil {
			s.markCorrupt(w.blocks, err)
			return 0, err
		}
		total += n
	}
	for _, h := range w.heads {
		total += h.CountUpTo(term, w.head)
	}
	return total, nil
}
