package dcb

import "slices"

// Query selects events. An event is selected if any item matches it; the zero
// Query selects every event.
type Query struct {
	Items []QueryItem
}

// QueryItem matches an event that has one of Types (or any type, if there are
// none) and all of Tags.
type QueryItem struct {
	Types []string
	Tags  []string
}

// Matches tells whether the query selects an event of this type and tags.
func (q Query) Matches(eventType string, tags []string) bool {
	return len(q.Items) == 0 || slices.ContainsFunc(q.Items, func(item QueryItem) bool {
		return item.Matches(eventType, tags)
	})
}

// Matches tells whether the item selects an event of this type and tags.
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

// MatchesAll tells whether the query selects every event whatever it holds.
func (q Query) MatchesAll() bool {
	return len(q.Items) == 0 || slices.ContainsFunc(q.Items, func(item QueryItem) bool {
		return len(item.Types) == 0 && len(item.Tags) == 0
	})
}

// AppendCondition makes an append fail with ErrIntegrity if an event above
// After matches the query.
type AppendCondition struct {
	FailIfEventsMatch Query
	// After is the head that the decision was read at; 0 for the whole history.
	After uint64
}
