package console

import (
	"strconv"

	"github.com/umadb-go/umadb/dcb"
)

const (
	// maxRepeatedQuery is the maximum size of a query that the links of each event, period or series repeat.
	maxRepeatedQuery = 2 << 10
	// maxComparedNames is the maximum number of types and tags of a query that is compared with each event of a page.
	// An event may have 65,535 tags.
	maxComparedNames = 200
)

// itemFor returns the item of a query by which an event was read, with only the type of the event. It is empty if
// none matches, or if the query has too many types and tags. Links to the event repeat it: a key with limits can
// read an event only by an item that permits it, as this one did.
func itemFor(query dcb.Query, e *dcb.Event) dcb.QueryItem {
	names := 0
	for _, item := range query.Items {
		if names += len(item.Types) + len(item.Tags); names > maxComparedNames {
			break
		}
		if item.Matches(e.Type, e.Tags) {
			if len(item.Types) > 0 {
				item.Types = []string{e.Type}
			}
			return item
		}
	}
	return dcb.QueryItem{}
}

// isEmpty reports whether an item has no types and no tags.
func isEmpty(item dcb.QueryItem) bool { return len(item.Types)+len(item.Tags) == 0 }

// linkEvent returns a path with the position of an event, other parameters, and the item by which it was read.
func linkEvent(path string, position uint64, by dcb.QueryItem, parameters ...string) string {
	size := 0
	for _, names := range [][]string{by.Types, by.Tags} {
		for _, name := range names {
			size += len(name)
		}
	}
	var query dcb.Query
	if !isEmpty(by) && size <= maxRepeatedQuery {
		query.Items = []dcb.QueryItem{by}
	}
	return linkQuery(path, query, append(parameters, "position", strconv.FormatUint(position, 10))...)
}
