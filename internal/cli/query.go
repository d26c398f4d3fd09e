package cli

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/dcb"
)

// queryFlags say which events are meant.
type queryFlags struct {
	types, tags []string
	items       itemList
}

func (q *queryFlags) addFlags(flags *pflag.FlagSet) {
	flags.StringArrayVar(&q.types, "type", nil, "`name` of an event type; repeated, any of them")
	flags.StringArrayVar(&q.tags, "tag", nil, "`tag` that an event must have; repeated, all of them")
	flags.Var(&q.items, "item", `events of another kind too, as "type=A type=B tag=x tag=y" or, with spaces, {"types":["A"],"tags":["x y"]}; repeated, any of them`)
	perCall(flags, "type", "tag", "item")
}

// query gives what the flags mean; all events if none was given.
func (q *queryFlags) query() dcb.Query {
	items := q.items.items
	if len(q.types)+len(q.tags) > 0 {
		items = append([]dcb.QueryItem{{Types: q.types, Tags: q.tags}}, items...)
	}
	return dcb.Query{Items: items}
}

// itemList is a flag that can be repeated, each time with one item of a query.
type itemList struct{ items []dcb.QueryItem }

// Set adds an item.
func (l *itemList) Set(text string) error {
	item, err := parseItem(text)
	if err == nil {
		l.items = append(l.items, item)
	}
	return err
}

// String shows the items, as there is no default: nothing.
func (l *itemList) String() string { return "" }

// Type names the value in the help.
func (l *itemList) Type() string { return "item" }

// parseItem reads an item of a query: words that begin with type= or tag=, a
// JSON object with types and tags where a name has a space, or * for every event.
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
		if err := json.Unmarshal([]byte(text), &object, json.RejectUnknownMembers(true)); err != nil {
			return item, explainJSON(err)
		}
		return dcb.QueryItem{Types: object.Types, Tags: object.Tags}, nil
	}
	for _, word := range strings.Fields(text) {
		if strings.HasSuffix(word, "=") || strings.Contains(word, ",tag=") || strings.Contains(word, ",type=") {
			return item, fmt.Errorf(`%q names nothing, or two things at once: separate words with spaces, or write {"tags":[""]} if that is the name`, word)
		}
		if name, found := strings.CutPrefix(word, "type="); found {
			item.Types = append(item.Types, name)
		} else if name, found := strings.CutPrefix(word, "tag="); found {
			item.Tags = append(item.Tags, name)
		} else {
			return item, fmt.Errorf(`%q begins with neither type= nor tag=: write "type=A tag=x", or {"tags":["x y"]} for a name with a space`, word)
		}
	}
	return item, nil
}
