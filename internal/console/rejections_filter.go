package console

import (
	"slices"

	"github.com/umadb-go/umadb/dcb"
)

// filter selects the rejections that concern the events of a query.
type filter []filterItem

// filterItem is an item of the query.
type filterItem struct {
	types, tags map[string]bool
}

func newFilter(query dcb.Query) (f filter) {
	for _, item := range query.Items {
		f = append(f, filterItem{namesOf(item.Types), namesOf(item.Tags)})
	}
	return f
}

func namesOf(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// selects reports whether a rejection concerns an event that matches the query: such an event was to be appended, or its
// condition is about such events. A filter without items selects all.
func (f filter) selects(r *shownRejection) bool {
	return len(f) == 0 || slices.ContainsFunc(f, func(item filterItem) bool {
		return slices.ContainsFunc(r.Events, item.matches) || r.Condition != nil && item.overlaps(r.Condition)
	})
}

// matches reports whether the item matches an event, or may match it because not all of its tags are known.
func (i filterItem) matches(e rejectedEvent) bool {
	return (len(i.types) == 0 || i.types[e.Type]) && (e.MoreTags > 0 || includes(e.Tags, i.tags))
}

// overlaps reports whether the item and one of a condition are about the same events: they have a type in common, and the
// tags of one are among those of the other.
func (i filterItem) overlaps(c *shownCondition) bool {
	return c.MatchesAll() || slices.ContainsFunc(c.Items, func(other shownItem) bool {
		isType := func(name string) bool { return i.types[name] }
		sharesType := len(i.types) == 0 || len(other.Types) == 0 || other.MoreTypes > 0 || slices.ContainsFunc(other.Types, isType)
		isOther := func(tag string) bool { return !i.tags[tag] }
		return sharesType && (other.MoreTags > 0 || includes(other.Tags, i.tags) || !slices.ContainsFunc(other.Tags, isOther))
	})
}

// includes reports whether names contain all of a set.
func includes(names []string, all map[string]bool) bool {
	found := map[string]bool{}
	for _, name := range names {
		if all[name] {
			found[name] = true
		}
	}
	return len(found) == len(all)
}
