package console

import (
	"cmp"
	"context"
	"slices"

	"github.com/umadb-go/umadb/dcb"
)

const (
	// coloredTypes is the maximum number of types with a colour of their own. The others have
	// othersColor.
	coloredTypes = 7
	othersColor  = 8
	// countedTypes is the maximum number of types that are counted to find these.
	countedTypes = 48
)

// typeCounts are the numbers of events of a type in each period.
type typeCounts struct {
	name   string
	others bool
	color  int
	counts []uint64
	events uint64 // their sum
}

// countByType returns the numbers of all events that match a query in each period, and those of
// the types with the most events, the first one first, and of the other types together. A type is counted by
// the query that is narrowed to it.
func countByType(ctx context.Context, index dcb.TermIndex, query dcb.Query, bounds []uint64) (all []uint64, types []typeCounts, err error) {
	if all, err = index.CountEvents(ctx, query, bounds); err != nil {
		return nil, nil, err
	}
	names, err := typesOf(ctx, index, query)
	if err != nil {
		return nil, nil, err
	}
	types = make([]typeCounts, len(names))
	calls, ctx := newCalls(ctx)
	for i, name := range names {
		calls.Go(func() (err error) {
			types[i], err = countType(ctx, index, query, name, bounds)
			types[i].color = i + 1
			return err
		})
	}
	if err := calls.Wait(); err != nil {
		return nil, nil, err
	}
	types = slices.DeleteFunc(types, func(t typeCounts) bool { return t.events == 0 })
	slices.SortStableFunc(types, func(a, b typeCounts) int { return cmp.Compare(b.events, a.events) })
	types = types[:min(len(types), coloredTypes)]
	assignColors(types)
	if others := othersOf(all, types); others.events > 0 {
		types = append(types, others)
	}
	return all, types, nil
}

// assignColors replaces the colours above coloredTypes by those that no type has. The first types in the
// order of typesOf keep theirs, so that a type has the same colour in most ranges.
func assignColors(types []typeCounts) {
	var used [coloredTypes + 1]bool
	for _, t := range types {
		if t.color <= coloredTypes {
			used[t.color] = true
		}
	}
	free := 1
	for i := range types {
		if types[i].color <= coloredTypes {
			continue
		}
		for used[free] {
			free++
		}
		types[i].color, used[free] = free, true
	}
}

// typesOf returns the types that are counted: those of the query, if each of its items has some,
// otherwise those with the most events. It returns none if the key may not list them.
func typesOf(ctx context.Context, index dcb.TermIndex, query dcb.Query) (names []string, err error) {
	for _, item := range query.Items {
		for _, name := range item.Types {
			if !slices.Contains(names, name) && len(names) < countedTypes {
				names = append(names, name)
			}
		}
	}
	if len(query.Items) > 0 && !slices.ContainsFunc(query.Items, func(item dcb.QueryItem) bool { return len(item.Types) == 0 }) {
		return names, nil
	}
	most, _, err := shownTerms(ctx, index.Types, dcb.TermsOptions{Order: dcb.ByEvents, Limit: countedTypes})
	if isUnexpected(err) {
		return nil, err
	}
	names = nil
	for _, t := range most {
		if !t.isCut { // those are among the others
			names = append(names, t.Name)
		}
	}
	return names, nil
}

func countType(ctx context.Context, index dcb.TermIndex, query dcb.Query, name string, bounds []uint64) (typeCounts, error) {
	t := typeCounts{name: name}
	only := narrowed(query, name)
	if len(only.Items) == 0 {
		return t, nil
	}
	var err error
	t.counts, err = index.CountEvents(ctx, only, bounds)
	for _, n := range t.counts {
		t.events += n
	}
	return t, err
}

// narrowed returns a query for those events of a query that have a type. It has no items if the
// query matches no event of the type.
func narrowed(query dcb.Query, name string) (only dcb.Query) {
	if len(query.Items) == 0 {
		query.Items = []dcb.QueryItem{{}}
	}
	for _, item := range query.Items {
		if len(item.Types) == 0 || slices.Contains(item.Types, name) {
			only.Items = append(only.Items, dcb.QueryItem{Types: []string{name}, Tags: item.Tags})
		}
	}
	return only
}

// othersOf returns the numbers of the events that have none of some types.
func othersOf(all []uint64, types []typeCounts) typeCounts {
	others := typeCounts{others: true, color: othersColor, counts: slices.Clone(all)}
	for i := range others.counts {
		for _, t := range types {
			others.counts[i] -= t.counts[i]
		}
		others.events += others.counts[i]
	}
	return others
}
