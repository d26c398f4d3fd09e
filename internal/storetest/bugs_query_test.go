package storetest_test

import (
	"cmp"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"unicode"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/storetest"
)

// matching returns a store that matches queries differently when it reads.
func matching(matches func(q dcb.Query, e dcb.Event) bool) broken {
	return selecting(func(q dcb.Query, all []dcb.SequencedEvent) []dcb.SequencedEvent {
		return slices.DeleteFunc(all, func(e dcb.SequencedEvent) bool { return !matches(q, e.Event) })
	})
}

// matchingItems is matching for queries with items.
func matchingItems(matches func(item dcb.QueryItem, e dcb.Event) bool) broken {
	return matching(func(q dcb.Query, e dcb.Event) bool {
		return len(q.Items) == 0 || slices.ContainsFunc(q.Items, func(item dcb.QueryItem) bool { return matches(item, e) })
	})
}

// selecting returns a store that selects from all events differently.
func selecting(choose func(dcb.Query, []dcb.SequencedEvent) []dcb.SequencedEvent) broken {
	return broken{read: func(n *storetest.Naive, r reading) *dcb.ReadResponse {
		all, head, err := n.Read(r.ctx, dcb.Query{}, r.options).Collect()
		chosen := choose(r.query, all)
		returned := false
		return dcb.NewReadResponse(func() ([]dcb.SequencedEvent, uint64, error) {
			if err != nil || returned {
				return nil, 0, cmp.Or(err, io.EOF)
			}
			returned = true
			return chosen, head, nil
		}, func() {})
	}}
}

// changing returns a store that matches queries after a change to all text, in
// queries and events.
func changing(change func(string) string) broken {
	changed := func(texts []string) []string {
		texts = slices.Clone(texts)
		for i := range texts {
			texts[i] = change(texts[i])
		}
		return texts
	}
	return matchingItems(func(item dcb.QueryItem, e dcb.Event) bool {
		item = dcb.QueryItem{Types: changed(item.Types), Tags: changed(item.Tags)}
		return item.Matches(change(e.Type), changed(e.Tags))
	})
}

func upper(s string) string { return strings.ToUpper(s) }

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, s)
}

var queryBugs = []bug{
	{"everything matches", matching(func(dcb.Query, dcb.Event) bool { return true }), []string{
		"queries/a type", "queries/a tag", "queries/an unknown tag", "queries/an unknown type",
		"queries/many terms are distinguished", "queries/many items are alternatives",
		"reading/start may be an event that does not match",
	}},
	{"only everything matches", matching(func(q dcb.Query, _ dcb.Event) bool { return q.MatchesAll() }), []string{
		"queries/a type", "queries/a tag", "queries/many items are alternatives", "queries/text need not be ASCII",
	}},
	{"no items match nothing", matching(func(q dcb.Query, e dcb.Event) bool {
		return len(q.Items) > 0 && q.Matches(e.Type, e.Tags)
	}), []string{"queries/no items match every event", "queries/an empty list of items matches every event"}},
	{"an empty item matches nothing", matchingItems(func(item dcb.QueryItem, e dcb.Event) bool {
		return len(item.Types)+len(item.Tags) > 0 && item.Matches(e.Type, e.Tags)
	}), []string{"queries/an empty item matches every event", "queries/an empty item beside others matches every event"}},
	{"all types must match", matchingItems(func(item dcb.QueryItem, e dcb.Event) bool {
		other := slices.ContainsFunc(item.Types, func(t string) bool { return t != e.Type })
		return !other && item.Matches(e.Type, e.Tags)
	}), []string{
		"queries/types are alternatives", "queries/one of the types and all of the tags", "queries/duplicates have no effect",
	}},
	{"one of the tags is enough", matchingItems(func(item dcb.QueryItem, e dcb.Event) bool {
		some := slices.ContainsFunc(item.Tags, func(tag string) bool { return slices.Contains(e.Tags, tag) })
		return (len(item.Tags) == 0 || some) && dcb.QueryItem{Types: item.Types}.Matches(e.Type, nil)
	}), []string{
		"queries/all tags must match", "queries/tags may be in any order", "queries/one of the tags is unknown",
		"queries/one of the types and all of the tags",
	}},
	{"unknown tags are ignored", matchingItems(func(item dcb.QueryItem, e dcb.Event) bool {
		item.Tags = slices.DeleteFunc(slices.Clone(item.Tags), func(tag string) bool { return strings.HasSuffix(tag, "nowhere") })
		return item.Matches(e.Type, e.Tags)
	}), []string{"queries/an unknown tag", "queries/one of the tags is unknown", "queries/items are alternatives"}},
	{"tags must be in the order of the event", matchingItems(func(item dcb.QueryItem, e dcb.Event) bool {
		rest := e.Tags
		for _, tag := range item.Tags {
			i := slices.Index(rest, tag)
			if i < 0 {
				return false
			}
			rest = rest[i:]
		}
		return dcb.QueryItem{Types: item.Types}.Matches(e.Type, nil)
	}), []string{"queries/tags may be in any order", "queries/all tags must match"}},
	{"a type or the tags are enough", matchingItems(func(item dcb.QueryItem, e dcb.Event) bool {
		types, tags := dcb.QueryItem{Types: item.Types}, dcb.QueryItem{Tags: item.Tags}
		if len(item.Types) == 0 || len(item.Tags) == 0 {
			return item.Matches(e.Type, e.Tags)
		}
		return types.Matches(e.Type, nil) || tags.Matches("", e.Tags)
	}), []string{"queries/type and tag must both match", "queries/one of the types and all of the tags"}},
	{"only the first item counts", matching(func(q dcb.Query, e dcb.Event) bool {
		return len(q.Items) == 0 || q.Items[0].Matches(e.Type, e.Tags)
	}), []string{
		"queries/items are alternatives", "queries/items are merged in the order of positions", "queries/many items are alternatives",
		"queries/an empty item beside others matches every event",
	}},
	{"an event is returned once for each item", selecting(itemByItem(true)), []string{
		"queries/an event that several items match is returned once", "queries/duplicates have no effect",
	}},
	{"events are returned item by item", selecting(itemByItem(false)), []string{
		"queries/items are merged in the order of positions", "queries/many items are alternatives",
	}},
	{"duplicate tags must match as often", matchingItems(func(item dcb.QueryItem, e dcb.Event) bool {
		return len(item.Tags) <= len(e.Tags) && item.Matches(e.Type, e.Tags)
	}), []string{"queries/duplicates have no effect"}},
	{"duplicate tags match twice", selecting(func(q dcb.Query, all []dcb.SequencedEvent) (chosen []dcb.SequencedEvent) {
		for _, e := range all {
			if !q.Matches(e.Event.Type, e.Event.Tags) {
				continue
			}
			chosen = append(chosen, e)
			if len(e.Event.Tags) == 2 && e.Event.Tags[0] == e.Event.Tags[1] {
				chosen = append(chosen, e)
			}
		}
		return chosen
	}), []string{"queries/a tag that an event has twice matches once"}},
	{"case does not matter", changing(strings.ToLower), []string{"queries/types and tags are case-sensitive", "queries/a type"}},
	{"spaces do not matter", changing(strings.TrimSpace), []string{"queries/spaces are significant", "queries/a tag"}},
	{"text is composed", changing(func(s string) string { return strings.ReplaceAll(s, "e\u0301", "é") }), []string{
		"queries/text is compared by its bytes",
	}},
	{"text that is not ASCII matches nothing", changing(func(s string) string {
		if strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) {
			return s + string(rune(0x4000+len(s))) + strings.Repeat("?", int(nonce.Add(1)))
		}
		return s
	}), []string{"queries/text need not be ASCII"}},
	{"a prefix of a text matches", matchingItems(func(item dcb.QueryItem, e dcb.Event) bool {
		begins := func(texts []string, with string) bool {
			return slices.ContainsFunc(texts, func(text string) bool { return strings.HasPrefix(text, with) })
		}
		for _, tag := range item.Tags {
			if !begins(e.Tags, tag) {
				return false
			}
		}
		return len(item.Types) == 0 || slices.ContainsFunc(item.Types, func(t string) bool { return begins([]string{e.Type}, t) })
	}), []string{"queries/a type", "queries/a tag", "queries/many terms are distinguished", "queries/the empty type is a type"}},
	{"text is compared by its first letter and the last", changing(func(s string) string {
		if len(s) < 2 {
			return s + s
		}
		return s[:1] + s[len(s)-1:]
	}), []string{"queries/a type is matched as a whole", "queries/many terms are distinguished"}},
	{"text is compared up to its last letter", changing(func(s string) string {
		if strings.HasSuffix(s, "xx") {
			return s[:len(s)-1]
		}
		return s
	}), []string{"queries/a tag is matched as a whole"}},
	{"types are tags too", matchingItems(func(item dcb.QueryItem, e dcb.Event) bool {
		all := []string{e.Type}
		for _, tag := range e.Tags {
			all = append(all, tag[min(len(tag), len("fixture:")+36):])
		}
		types := len(item.Types) == 0 || slices.ContainsFunc(item.Types, func(t string) bool { return slices.Contains(all, t) })
		return types && dcb.QueryItem{Tags: item.Tags}.Matches("", e.Tags)
	}), []string{"queries/a type is not a tag"}},
	{"tags are types too", matchingItems(func(item dcb.QueryItem, e dcb.Event) bool {
		return dcb.QueryItem{Types: item.Types}.Matches(e.Type, nil) && dcb.QueryItem{Tags: item.Tags}.Matches("",
			append(e.Tags, append([]string{e.Type}, withFixtureTag(item.Tags, e.Type)...)...))
	}), []string{"queries/a tag is not a type"}},
	{"the empty type is any type", matchingItems(func(item dcb.QueryItem, e dcb.Event) bool {
		return item.Matches(e.Type, e.Tags) || slices.Contains(item.Types, "") && item.Matches("", e.Tags)
	}), []string{"queries/the empty type is a type"}},
	{"the empty tag is on every event", matchingItems(func(item dcb.QueryItem, e dcb.Event) bool {
		return item.Matches(e.Type, append(slices.Clone(e.Tags), withFixtureTag(item.Tags, "")...))
	}), []string{"queries/the empty tag is a tag"}},
}

// nonce makes texts unique.
var nonce atomic.Int64

// withFixtureTag prefixes a text with the fixture's tag, which it takes from tags.
func withFixtureTag(tags []string, text string) []string {
	const prefix = len("fixture:") + 36
	if len(tags) == 0 || len(tags[0]) < prefix {
		return nil
	}
	return []string{tags[0][:prefix] + text}
}

// itemByItem evaluates a query one item after the other.
func itemByItem(repeat bool) func(dcb.Query, []dcb.SequencedEvent) []dcb.SequencedEvent {
	return func(q dcb.Query, all []dcb.SequencedEvent) (chosen []dcb.SequencedEvent) {
		if len(q.Items) == 0 {
			return all
		}
		seen := map[uint64]bool{}
		for _, item := range q.Items {
			for _, e := range all {
				if item.Matches(e.Event.Type, e.Event.Tags) && (repeat || !seen[e.Position]) {
					chosen = append(chosen, e)
					seen[e.Position] = true
				}
			}
		}
		return chosen
	}
}
