package console

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/selection"
)

// shownCondition is the condition of an append as pages show it.
type shownCondition struct {
	Items []shownItem `json:"items"`
	// MoreItems is the number of items that are not known.
	MoreItems int    `json:"more_items,omitempty"`
	After     uint64 `json:"after"`
}

// shownItem is an item of a query. MoreTypes and MoreTags are the numbers of types and tags that are
// not known.
type shownItem struct {
	Types     []string `json:"types,omitempty"`
	Tags      []string `json:"tags,omitempty"`
	MoreTypes int      `json:"more_types,omitempty"`
	MoreTags  int      `json:"more_tags,omitempty"`
}

func newShownCondition(condition *dcb.AppendCondition) *shownCondition {
	c := &shownCondition{Items: []shownItem{}, After: condition.After}
	for _, item := range condition.FailIfEventsMatch.Items {
		c.Items = append(c.Items, shownItem{Types: item.Types, Tags: item.Tags})
	}
	return c
}

// MatchesAll reports whether the query has no items.
func (c *shownCondition) MatchesAll() bool { return len(c.Items) == 0 && c.MoreItems == 0 }

// IsWhole reports whether all of the condition is known.
func (c *shownCondition) IsWhole() bool {
	return c.MoreItems == 0 && !slices.ContainsFunc(c.Items, func(i shownItem) bool { return !i.IsWhole() })
}

// query returns the items that are known.
func (c *shownCondition) query() (q dcb.Query) {
	for _, item := range c.Items {
		q.Items = append(q.Items, item.item())
	}
	return q
}

// Browse returns the link to the events that match.
func (c *shownCondition) Browse() string { return linkQuery("/browse", c.query(), "order", "oldest") }

// Why returns the link to the page that compares the condition with the events.
func (c *shownCondition) Why() string {
	q := c.query()
	if len(q.Items) == 0 {
		q.Items = []dcb.QueryItem{{}}
	}
	return linkQuery("/why", q, "after", strconv.FormatUint(c.After, 10))
}

// IsWhole reports whether all types and tags are known.
func (i shownItem) IsWhole() bool { return i.MoreTypes == 0 && i.MoreTags == 0 }

// MatchesAll reports whether the item matches every event.
func (i shownItem) MatchesAll() bool { return len(i.Types)+len(i.Tags) == 0 && i.IsWhole() }

// Browse returns the link to the events that match the item.
func (i shownItem) Browse() string {
	return linkQuery("/browse", dcb.Query{Items: []dcb.QueryItem{i.item()}})
}

func (i shownItem) item() dcb.QueryItem { return dcb.QueryItem{Types: i.Types, Tags: i.Tags} }

// linkQuery returns a path with a query and other parameters: names and values in turn. Values that are
// empty are omitted.
func linkQuery(path string, query dcb.Query, parameters ...string) string {
	values := valuesOf(query)
	for n := 0; n+1 < len(parameters); n += 2 {
		if parameters[n+1] != "" {
			values.Set(parameters[n], parameters[n+1])
		}
	}
	if len(values) == 0 {
		return path
	}
	return path + "?" + values.Encode()
}

// valuesOf returns the parameters for a query. Those of the first item are type and tag, if they can express it.
func valuesOf(query dcb.Query) url.Values {
	values := url.Values{}
	for n, item := range query.Items {
		if isPlain := !slices.Contains(item.Types, "") && !slices.Contains(item.Tags, ""); n == 0 && isPlain && !isEmpty(item) {
			values["type"], values["tag"] = item.Types, item.Tags
			continue
		}
		values.Add("item", selection.FormatItem(item))
	}
	return values
}

// match is an item of a condition that matches an event.
type match struct {
	Number int `json:"item"` // of the item, from 1
	// Type is that of the event; nil if the item has no types.
	Type *string `json:"type,omitempty"`
	// Tags are those of the item, which the event has.
	Tags []string `json:"tags,omitempty"`
	// Perhaps is set if not all of the item is known.
	Perhaps bool `json:"perhaps,omitempty"`
}

// matches returns the items that match an event, or may match it.
func (c *shownCondition) matches(event *dcb.Event) []match {
	tags := namesOf(event.Tags) // of which there may be as many as the items have
	return c.matchesOf(event.Type, func(tag string) bool { return tags[tag] })
}

// matchesOf returns the items that match an event with a type and tags, or may match it. It asks for each tag of an item once.
func (c *shownCondition) matchesOf(eventType string, hasTag func(string) bool) (found []match) {
	isMissing := func(tag string) bool { return !hasTag(tag) }
	for n, item := range c.Items {
		hasType := slices.Contains(item.Types, eventType)
		if anyType := len(item.Types) == 0 || item.MoreTypes > 0; !hasType && !anyType {
			continue
		}
		if slices.ContainsFunc(item.Tags, isMissing) {
			continue
		}
		m := match{Number: n + 1, Tags: item.Tags, Perhaps: item.MoreTags > 0 || !hasType && item.MoreTypes > 0}
		if hasType {
			m.Type = &eventType
		}
		found = append(found, m)
	}
	return found
}

// markedItem is an item of a condition in which those types and tags are marked that an event has.
type markedItem struct {
	shownItem
	Number           int
	Types, Tags      []markedName
	Matches, Perhaps bool
}

// markedName is a type or tag.
type markedName struct {
	Name    string
	Matches bool
}

// String returns the name as it is shown.
func (n markedName) String() string {
	if n.Name == "" {
		return "(empty)"
	}
	return n.Name
}

// marked returns the items with the types and tags of an event marked in those that match it.
func (c *shownCondition) marked(event *dcb.Event, matches []match) (items []markedItem) {
	for n, item := range c.Items {
		marked := markedItem{shownItem: item, Number: n + 1}
		if at := slices.IndexFunc(matches, func(m match) bool { return m.Number == n+1 }); at >= 0 {
			marked.Matches, marked.Perhaps = true, matches[at].Perhaps
		}
		for _, name := range item.Types {
			marked.Types = append(marked.Types, markedName{name, marked.Matches && name == event.Type})
		}
		for _, name := range item.Tags {
			marked.Tags = append(marked.Tags, markedName{name, marked.Matches})
		}
		items = append(items, marked)
	}
	return items
}

// eventName describes an event in a sentence: its type and its first tags.
func eventName(eventType string, tags tagList) string {
	const most, maxBytes = 5, 60
	short := func(name string) string {
		if len(name) <= maxBytes {
			return name
		}
		return strings.ToValidUTF8(name[:maxBytes], "") + "…"
	}
	name := short(eventType)
	if name == "" {
		name = "no type"
	}
	var shown []string
	for _, tag := range tags.Shown[:min(len(tags.Shown), most)] {
		shown = append(shown, short(tag))
	}
	if len(shown) > 0 {
		name += ", " + strings.Join(shown, " ")
	}
	if more := len(tags.Shown) - len(shown) + tags.More; more > 0 {
		name += fmt.Sprintf(" and %d more tags", more)
	}
	return name
}
