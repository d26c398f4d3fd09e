package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
)

// queryFlags are the flags that describe a query.
type queryFlags struct {
	types, tags []string
	items       itemList
}

func (q *queryFlags) addFlags(flags *pflag.FlagSet) {
	flags.StringArrayVar(&q.types, "type", nil, "`name` of the event type to match; repeat to match any of several")
	flags.StringArrayVar(&q.tags, "tag", nil, "`tag` that an event must have; repeat to require all of several")
	flags.Var(&q.items, "item", `also match other events, as "type=A type=B tag=x tag=y" or, for names with spaces, {"types":["A"],"tags":["x y"]}; repeat for more`)
	perCall(flags, "type", "tag", "item")
}

// query returns the query that the flags describe. Without flags, it matches all events.
func (q *queryFlags) query() dcb.Query {
	items := q.items.items
	if len(q.types)+len(q.tags) > 0 {
		items = append([]dcb.QueryItem{{Types: q.types, Tags: q.tags}}, items...)
	}
	return dcb.Query{Items: items}
}

// itemList is a flag whose values are items of a query.
type itemList struct{ items []dcb.QueryItem }

// Set adds an item.
func (l *itemList) Set(text string) error {
	item, err := parseItem(text)
	if err == nil {
		l.items = append(l.items, item)
	}
	return err
}

// String returns "": there is no default.
func (l *itemList) String() string { return "" }

// Type returns the placeholder of the value in the help.
func (l *itemList) Type() string { return "item" }

// parseItem parses an item of a query: words that start with type= or tag=, a JSON object
// with types and tags, which is needed for names with spaces, or * for every event.
func parseItem(text string) (item dcb.QueryItem, err error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "*":
		return item, nil
	case text == "":
		return item, fmt.Errorf(`it is empty: write "type=A tag=x", or * for every event`)
	case text[0] == '{':
		var object struct {
			Types []string `json:"types"`
			Tags  []string `json:"tags"`
		}
		if err := ndjson.Unmarshal([]byte(text), &object); err != nil {
			return item, err
		}
		return dcb.QueryItem{Types: object.Types, Tags: object.Tags}, nil
	}
	for _, word := range strings.Fields(text) {
		if strings.HasSuffix(word, "=") || strings.Contains(word, ",tag=") || strings.Contains(word, ",type=") {
			return item, fmt.Errorf(`%q has no name, or more than one: separate names with spaces, or write JSON, as in {"tags":[""]}`, word)
		}
		if name, found := strings.CutPrefix(word, "type="); found {
			item.Types = append(item.Types, name)
		} else if name, found := strings.CutPrefix(word, "tag="); found {
			item.Tags = append(item.Tags, name)
		} else {
			return item, fmt.Errorf(`%q starts with neither type= nor tag=: write "type=A tag=x", or {"tags":["x y"]} for a name with a space`, word)
		}
	}
	return item, nil
}
