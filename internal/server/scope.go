package server

import (
	"maps"
	"slices"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
)

// scope limits a key to the events that have one of some types, and at least one tag with
// one of some prefixes. It decides about queries without evaluating them: a query is
// permitted if each of its items can only match events within the scope. Events are never
// filtered out, because a decision that was made without some of the events of its query
// would be wrong, and its append condition would not protect it.
type scope struct {
	types    map[string]bool // nil for any type
	prefixes map[string]bool // nil for any tag, or none
	lengths  []int           // of the prefixes, ascending
}

// newScope returns the scope of a key, or nil if it is not limited.
func newScope(k *Key) *scope {
	if len(k.Types) == 0 && len(k.TagPrefixes) == 0 {
		return nil
	}
	s := &scope{types: setOf(k.Types), prefixes: setOf(k.TagPrefixes)}
	lengths := make(map[int]bool)
	for prefix := range s.prefixes {
		lengths[len(prefix)] = true
	}
	s.lengths = slices.Sorted(maps.Keys(lengths))
	return s
}

// setOf returns a set of texts, or nil if there are none.
func setOf(texts []string) map[string]bool {
	if len(texts) == 0 {
		return nil
	}
	set := make(map[string]bool, len(texts))
	for _, text := range texts {
		set[text] = true
	}
	return set
}

// hasType reports whether a type is within the scope.
func (s *scope) hasType(name string) bool { return s.types == nil || s.types[name] }

// hasTag reports whether a tag has one of the prefixes.
func (s *scope) hasTag(tag string) bool {
	for _, length := range s.lengths {
		if length > len(tag) {
			return false
		}
		if s.prefixes[tag[:length]] {
			return true
		}
	}
	return false
}

// permitsQuery returns nil if a query can only match events within the scope of the key.
func (k *key) permitsQuery(query dcb.Query) error {
	if len(query.Items) == 0 {
		return k.denied("is limited to some events, and a query without items matches all of them: name %s in each item", k.scope.parts())
	}
	for i, item := range query.Items {
		switch s := k.scope; {
		case s.types != nil && len(item.Types) == 0:
			return k.denied("is limited to some event types, and item %d of the query names none", i+1)
		case s.types != nil && !all(item.Types, s.hasType):
			return k.denied("is limited to some event types, and item %d of the query names another", i+1)
		case s.prefixes != nil && !slices.ContainsFunc(item.Tags, s.hasTag):
			return k.denied("is limited to some tag prefixes, and item %d of the query has no tag with one of them", i+1)
		}
	}
	return nil
}

// parts returns what each item of a query must name.
func (s *scope) parts() string {
	switch {
	case s.prefixes == nil:
		return "permitted types"
	case s.types == nil:
		return "a tag with a permitted prefix"
	}
	return "permitted types and a tag with a permitted prefix"
}

// all reports whether every text satisfies the condition.
func all(texts []string, condition func(string) bool) bool {
	return !slices.ContainsFunc(texts, func(text string) bool { return !condition(text) })
}

// permitsAppend returns nil if the key permits an append: its tracking info, its events and
// its condition, whose failure would reveal that an event exists.
func (k *key) permitsAppend(request *record.AppendRequest) error {
	switch {
	case k == nil:
		return nil
	case request.Tracking != nil && k.Rights&RightTracking == 0:
		return k.denied("needs the right %s to append with a tracking info", RightTracking)
	case k.scope == nil:
		return nil
	}
	number := 0
	for event := range request.All() {
		number++
		if err := k.permitsEvent(number, event); err != nil {
			return err
		}
	}
	if request.Condition != nil {
		return k.permitsQuery(request.Condition.FailIfEventsMatch)
	}
	return nil
}

// isVisible returns record.AppendRequest.IsVisible for the appends of a key.
func (k *key) isVisible() func(record.Event) bool {
	if k == nil || k.scope == nil {
		return nil
	}
	return func(event record.Event) bool { return k.permitsEvent(0, event) == nil }
}

// permitsEvent returns nil if an event is within the scope of the key.
func (k *key) permitsEvent(number int, event record.Event) error {
	name, tags := event.Type()
	if !k.scope.hasType(name) {
		return k.denied("is limited to some event types, and event %d has another", number)
	}
	if k.scope.prefixes == nil {
		return nil
	}
	for tag, ok := tags.Next(); ok; tag, ok = tags.Next() {
		if k.scope.hasTag(tag) {
			return nil
		}
	}
	return k.denied("is limited to some tag prefixes, and event %d has no tag with one of them", number)
}
