package dcb

import "slices"

// Query selects the events that match at least one of its items. A Query
// without items selects every event.
type Query struct {
	Items []QueryItem
}

// QueryItem matches an event whose type is one of Types and whose tags include
// all of Tags. If Types is empty, every type matches.
type QueryItem struct {
	Types []string
	Tags  []string
}

// Matches reports whether the query selects an event with this type and these tags.
func (q Query) Matches(eventType string, tags []string) bool {
	return len(q.Items) == 0 || slices.ContainsFunc(q.Items, func(item QueryItem) bool {
		return item.Matches(eventType, tags)
	})
}

// Matches reports whether the item matches an event with this type and these tags.
func (item QueryItem) Matches(eventType string, tags []string) bool {
	if len(item.Types) > 0 && !slices.Contains(item.Types, eventType) {
		return false
	}
	for _, tag := range item.Tags {
		if !slices.Contains(tags, tag) {
			return false
		}
	}
	return true
}

// MatchesAll reports whether the query selects every event, whatever its type
// and tags.
func (q Query) MatchesAll() bool {
	return len(q.Items) == 0 || slices.ContainsFunc(q.Items, func(item QueryItem) bool {
		return len(item.Types) == 0 && len(item.Tags) == 0
	})
}

// AppendCondition makes an append fail with ErrIntegrity if the query matches
// an event at a position greater than After.
type AppendCondition struct {
	FailIfEventsMatch Query
	// After is the head of the read that the decision is based on. If it is 0,
	// the query is compared with all stored events.
	After uint64
}
