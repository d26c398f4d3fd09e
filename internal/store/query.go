package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/index"
)

// query is a dcb.Query with its terms hashed.
type query struct {
	all   bool // matches every event
	items []queryItem
}

type queryItem struct {
	types []index.Term
	tags  []index.Term
}

func compile(hasher index.Hasher, q dcb.Query) *query {
	if q.MatchesAll() {
		return &query{all: true}
	}
	compiled := &query{items: make([]queryItem, len(q.Items))}
	for i, item := range q.Items {
		compiled.items[i] = queryItem{
			types: terms(hasher, index.KindType, item.Types),
			tags:  terms(hasher, index.KindTag, item.Tags),
		}
	}
	return compiled
}

func terms(hasher index.Hasher, kind index.Kind, texts []string) []index.Term {
	out := make([]index.Term, len(texts))
	for i, text := range texts {
		out[i] = hasher.Term(kind, text)
	}
	return out
}

// postings gives the events of a part that the query matches.
func (q *query) postings(w *waiter, p part, direction index.Direction) (index.Postings, error) {
	if q.all {
		return index.Everything{}, nil
	}
	if len(q.items) == 1 {
		return q.items[0].postings(w, p, direction)
	}
	any := make([]index.Postings, 0, len(q.items))
	for i := range q.items {
		matched, err := q.items[i].postings(w, p, direction)
		if err != nil {
			return nil, err
		}
		any = append(any, matched)
	}
	return index.Or(any...), nil
}

// counted is postings with how many they are.
type counted struct {
	index.Postings
	count int
}

// postings intersects the tags and the union of the types, the rarest first. A
// tag that is nowhere in the part spares looking up the rest.
func (item *queryItem) postings(w *waiter, p part, direction index.Direction) (index.Postings, error) {
	if len(item.tags) == 1 && len(item.types) == 0 {
		found, _, err := p.Postings(item.tags[0], direction)
		return found, err
	}
	if err := w.check(); err != nil {
		return nil, err
	}
	all := make([]counted, 0, len(item.tags)+1)
	for _, tag := range item.tags {
		found, count, err := p.Postings(tag, direction)
		if err != nil || count == 0 {
			return index.Nothing{}, err
		}
		all = append(all, counted{found, count})
	}
	if len(item.types) > 0 {
		total := 0
		any := make([]index.Postings, 0, len(item.types))
		for _, eventType := range item.types {
			found, count, err := p.Postings(eventType, direction)
			if err != nil {
				return nil, err
			}
			total += count
			any = append(any, found)
		}
		all = append(all, counted{index.Or(any...), total})
	}
	slices.SortFunc(all, func(a, b counted) int { return cmp.Compare(a.count, b.count) })
	out := make([]index.Postings, len(all))
	for i := range all {
		out[i] = all[i].Postings
	}
	if len(out) > 1 {
		out[0] = steps{out[0], w}
	}
	return index.And(out...), nil
}

// checkEvery is after how many steps a walk looks whether it is still wanted.
const checkEvery = 1024

// waiter tells a walk whether anybody waits for it.
type waiter struct {
	ctx context.Context
	n   int // steps
}

// check is called at every step.
func (w *waiter) check() error {
	if w.n++; w.n%checkEvery != 1 {
		return nil
	}
	return w.ctx.Err()
}

// steps are postings in an intersection, which may seek for long and find nothing.
type steps struct {
	index.Postings
	walk *waiter
}

func (s steps) Seek(key uint64) (uint64, bool, error) {
	if err := s.walk.check(); err != nil {
		return 0, false, err
	}
	return s.Postings.Seek(key)
}

// walk visits the positions that the query matches from low to high, or from
// high to low, until visit returns false.
func (s *Store) walk(ctx context.Context, sn snapshot, q *query, low, high uint64, direction index.Direction, visit func(*stretch, uint64) (bool, error)) error {
	stretches := sn.stretches(low, high, direction)
	for i := range stretches {
		more, err := stretches[i].walk(ctx, q, direction, visit)
		if err != nil {
			s.suspect(sn.blocks, err)
			return err
		}
		if !more {
			return nil
		}
	}
	return nil
}

func (st *stretch) walk(ctx context.Context, q *query, direction index.Direction, visit func(*stretch, uint64) (bool, error)) (bool, error) {
	w := &waiter{ctx: ctx}
	matched, err := q.postings(w, st.part, direction)
	if err != nil {
		return false, err
	}
	key, last := st.first, st.last
	if direction == index.Backwards {
		key, last = direction.Key(st.last), direction.Key(st.first)
	}
	for {
		if err := w.check(); err != nil {
			return false, err
		}
		found, ok, err := matched.Seek(key)
		if err != nil || !ok || found > last {
			return err == nil, err
		}
		more, err := visit(st, direction.Key(found))
		if err != nil || !more || found == last {
			return more && err == nil, err
		}
		key = found + 1
	}
}

// firstMatch gives the first position above after that the query matches, up to
// the snapshot's head; 0 for none.
func (s *Store) firstMatch(ctx context.Context, sn snapshot, q *query, after uint64) (uint64, error) {
	if after >= sn.head {
		return 0, nil
	}
	first := uint64(0)
	err := s.walk(ctx, sn, q, after+1, sn.head, index.Forwards, func(_ *stretch, position uint64) (bool, error) {
		first = position
		return false, nil
	})
	return first, err
}
