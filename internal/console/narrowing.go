package console

import (
	"net/url"
	"slices"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/selection"
)

// maxNarrowedQuery is the maximum size of a query that the types and tags of each event repeat. A page may have 1,000
// events with 20 tags.
const maxNarrowedQuery = 512

// narrowing is where the types and tags of events lead: to those events of a query that have them as well. The zero
// value leads to all events with them.
type narrowing struct {
	path   string
	others url.Values // parameters of the path without those of the query
	query  dcb.Query
	isLong bool // the query is too long to repeat it in links
}

// chip is a type or tag of an event as pages show it. Link is empty if there is none.
type chip struct{ Name, Link string }

// tagChips is the first tags of an event.
type tagChips struct {
	Shown []chip
	More  int // number of the others
}

// newNarrowing returns a narrowing of a query on a page whose parameters are values. The path begins at the start of
// the query again.
func newNarrowing(path string, values url.Values, query dcb.Query) narrowing {
	n := narrowing{path: path, others: changed(values, "type", "", "tag", "", "item", "", "start", ""), query: query}
	n.isLong = len(n.others.Encode())+len(valuesOf(query).Encode()) > maxNarrowedQuery
	return n
}

// typed returns the chip of a type.
func (n narrowing) typed(name string) chip {
	if n.isLong || name == "" || len(name) > maxNameBytes {
		return chip{Name: shortName(name)}
	}
	return chip{name, n.link(narrowed(n.query, name))}
}

// tagged returns the chip of a tag.
func (n narrowing) tagged(name string) chip {
	if n.isLong || len(name) > maxNameBytes {
		return chip{Name: shortName(name)}
	}
	return chip{name, n.link(withTag(n.query, name))}
}

// chips returns the chips of the first tags of an event.
func (n narrowing) chips(tags tagList) tagChips {
	chips := tagChips{More: tags.More}
	for _, tag := range tags.Shown {
		chips.Shown = append(chips.Shown, n.tagged(tag))
	}
	return chips
}

// underItem returns the narrowing of the item by which a key with limits can read an event.
func underItem(by dcb.QueryItem) narrowing {
	if isEmpty(by) {
		return narrowing{}
	}
	return newNarrowing("/browse", nil, dcb.Query{Items: []dcb.QueryItem{by}})
}

// link returns the link to the events of a query.
func (n narrowing) link(query dcb.Query) string {
	path, values := n.path, valuesOf(distinct(query))
	if path == "" {
		path = "/browse"
	}
	for name, texts := range n.others {
		values[name] = texts
	}
	return path + "?" + values.Encode()
}

// withTag returns a query for those events of a query that have a tag.
func withTag(query dcb.Query, tag string) (only dcb.Query) {
	if len(query.Items) == 0 {
		query.Items = []dcb.QueryItem{{}}
	}
	for _, item := range query.Items {
		if !slices.Contains(item.Tags, tag) {
			item.Tags = append(slices.Clone(item.Tags), tag)
		}
		only.Items = append(only.Items, item)
	}
	return only
}

// distinct returns a query with each item once.
func distinct(query dcb.Query) (once dcb.Query) {
	known := map[string]bool{}
	for _, item := range query.Items {
		if text := selection.FormatItem(item); !known[text] {
			known[text], once.Items = true, append(once.Items, item)
		}
	}
	return once
}
