package store

import (
	"cmp"
	"slices"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/index"
)

// query is a dcb.Query with its terms hashed.
type query struct {
	all   bool // matches every event
	items []queryItem
	terms int // of all items
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
		compiled.terms += len(item.Types) + len(item.Tags)
	}
	return compiled
}

// exclusive returns the terms of a query that matches the events with one of them, if no event can
// have two of them: a single tag, or types, of which an event has one. Otherwise it returns nil.
func (q *query) exclusive() []index.Term {
	if len(q.items) == 1 && len(q.items[0].types) == 0 && len(q.items[0].tags) == 1 {
		return q.items[0].tags
	}
	var types []index.Term
	for _, item := range q.items {
		if len(item.tags) > 0 || len(types)+len(item.types) > cheapTerms {
			return nil
		}
		for _, term := range item.types {
			if !slices.Contains(types, term) {
				types = append(types, term)
			}
		}
	}
	return types
}

// sliceSteps returns the step limit of a slice.
func (q *query) sliceSteps() int { return max(sliceSteps, stepsPerTerm*q.terms) }

func terms(hasher index.Hasher, kind index.Kind, texts []string) []index.Term {
	out := make([]index.Term, len(texts))
	for i, text := range texts {
		out[i] = hasher.Term(kind, text)
	}
	return out
}

// scan iterates over the positions in one block range that a query matches, in the order of
// a direction.
type scan struct {
	query *query
	blockRange
	direction index.Direction
	meter     *meter
	matched   index.Postings
	key, last uint64 // the next key to look for, and the last one
}

// start starts a scan and looks up the terms of the query in the block. Like next, it
// returns errStepLimit when the meter reaches its limit.
func (s *scan) start(q *query, r blockRange, direction index.Direction, m *meter) (err error) {
	*s = scan{query: q, blockRange: r, direction: direction, meter: m, key: r.first, last: r.last}
	if direction == index.Backwards {
		s.key, s.last = direction.Key(r.last), direction.Key(r.first)
	}
	s.matched, err = s.postings()
	return err
}

// next returns the next position, and false if there are no more.
func (s *scan) next() (uint64, bool, error) {
	if s.key > s.last {
		return 0, false, nil
	}
	found, ok, err := s.matched.Seek(s.key)
	if err != nil || !ok || found > s.last {
		return 0, false, err
	}
	s.key = found + 1
	return s.direction.Key(found), true, nil
}

// postings returns the postings of the events that the query matches.
func (s *scan) postings() (index.Postings, error) {
	if s.query.all {
		return index.All{}, nil
	}
	items := make([]index.Postings, 0, len(s.query.items))
	for i := range s.query.items {
		matched, err := s.itemPostings(&s.query.items[i])
		if err != nil {
			return nil, err
		}
		items = append(items, matched)
	}
	return index.Union(items...), nil
}

// counted is postings with their number.
type counted struct {
	index.Postings
	count int
}

// itemPostings intersects the tags with each other and with the union of the types,
// the rarest first. If the block does not contain one of the tags, the remaining terms
// are not looked up.
func (s *scan) itemPostings(item *queryItem) (index.Postings, error) {
	if len(item.tags) == 1 && len(item.types) == 0 {
		found, err := s.lookup(item.tags[0])
		return found.Postings, err
	}
	all := make([]counted, 0, len(item.tags)+1)
	for _, tag := range item.tags {
		found, err := s.lookup(tag)
		if err != nil || found.count == 0 {
			return index.Empty{}, err
		}
		all = append(all, found)
	}
	if len(item.types) > 0 {
		total := 0
		types := make([]index.Postings, 0, len(item.types))
		for _, eventType := range item.types {
			found, err := s.lookup(eventType)
			if err != nil {
				return nil, err
			}
			total += found.count
			types = append(types, found.Postings)
		}
		all = append(all, counted{index.Union(types...), total})
	}
	slices.SortFunc(all, func(a, b counted) int { return cmp.Compare(a.count, b.count) })
	out := make([]index.Postings, len(all))
	for i := range all {
		out[i] = all[i].Postings
	}
	return index.Intersect(out...), nil
}

// lookup returns the postings of a term in the block. It is one step.
func (s *scan) lookup(term index.Term) (counted, error) {
	if err := s.meter.step(); err != nil {
		return counted{}, err
	}
	found, count, err := s.Postings(term, s.direction)
	if err != nil || count == 0 {
		return counted{index.Empty{}, 0}, err
	}
	return counted{&metered{found, s.meter, s.last}, count}, nil
}
