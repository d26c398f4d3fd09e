package cli

import (
	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/selection"
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
	item, err := selection.ParseItem(text)
	if err == nil {
		l.items = append(l.items, item)
	}
	return err
}

// String returns "": there is no default.
func (l *itemList) String() string { return "" }

// Type returns the placeholder of the value in the help.
func (l *itemList) Type() string { return "item" }
