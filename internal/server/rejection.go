package server

import (
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
)

// Rejection is an append that failed with dcb.ErrIntegrity. It takes at most rejectionBytes:
// what is longer is left out. It does not change.
type Rejection struct {
	// Number counts all rejections from 1. Those that were not kept are missing.
	Number    uint64
	Time      time.Time
	Key, Peer string // name of the API key, which may be empty, and address of the client
	// Events are the first events that were to be appended. MoreEvents is the number of the others.
	Events     []RejectedEvent
	MoreEvents int
	Condition  *RejectedCondition // nil for none
	Tracking   *dcb.TrackingInfo  // nil for none
	// ConflictPosition is that of the event that matches the condition, or 0 if the tracking is the
	// reason.
	ConflictPosition uint64
	Reason           string // the error that the client received
}

// RejectedEvent is an event without its data. MoreTags is the number of tags that are left out.
type RejectedEvent struct {
	Type     string
	Tags     []string
	MoreTags int
}

// RejectedCondition is the condition of an append with the first items of its query. MoreItems is
// the number of the others.
type RejectedCondition struct {
	Items     []RejectedItem
	MoreItems int
	After     uint64
}

// RejectedItem is an item of a query. MoreTypes and MoreTags are the numbers of the types and tags
// that are left out; if they are not 0, it is not the whole item.
type RejectedItem struct {
	Types, Tags         []string
	MoreTypes, MoreTags int
}

// The bounds of a rejection.
const (
	// rejectionBytes is the maximum size in bytes of a rejection in memory, approximately.
	rejectionBytes = 4 << 10
	// rejectionFixed is the size of what each rejection has, with its strings of limited size.
	rejectionFixed = 512 + reasonBytes
	reasonBytes    = 512
	// nameBytes is the maximum size of a type or tag in a rejection.
	nameBytes = 256
	// eventCost, itemCost and nameCost are the sizes of an event, an item, and a type or tag without
	// its text, as elements of slices with as many unused elements.
	eventCost, itemCost, nameCost = 96, 128, 32
)

// newRejection describes an append that failed. It shares no memory with the request, besides the
// texts of the condition.
func newRejection(key, peer string, request *record.AppendRequest, failure error) *Rejection {
	r := &Rejection{
		Time:   time.Now(),
		Key:    key,
		Peer:   peer,
		Reason: shortened(failure.Error(), reasonBytes),
	}
	if e, is := errors.AsType[*dcb.Error](failure); is {
		r.ConflictPosition = e.ConflictPosition
	}
	if t := request.Tracking; t != nil {
		r.Tracking = &dcb.TrackingInfo{Source: shortened(t.Source, nameBytes), Position: t.Position}
	}
	const available = rejectionBytes - rejectionFixed
	space := available / 2 // the condition gets what the events leave
	for event := range request.All() {
		if space < eventCost+nameBytes {
			break
		}
		r.Events = append(r.Events, newRejectedEvent(event, &space))
	}
	r.MoreEvents = request.Count - len(r.Events)
	if request.Condition != nil {
		space += available - available/2
		r.Condition = newRejectedCondition(request.Condition, &space)
	}
	return r
}

// newRejectedEvent describes an event, and subtracts its size from space.
func newRejectedEvent(event record.Event, space *int) (e RejectedEvent) {
	name, tags := event.Type()
	e.Type = strings.Clone(shortened(name, nameBytes))
	*space -= eventCost + len(e.Type)
	for {
		tag, found := tags.Next()
		if !found {
			return e
		}
		if !keep(space, tag) {
			e.MoreTags++
			continue
		}
		e.Tags = append(e.Tags, strings.Clone(tag))
	}
}

// newRejectedCondition describes a condition, and subtracts its size from space.
func newRejectedCondition(condition *dcb.AppendCondition, space *int) *RejectedCondition {
	c := &RejectedCondition{After: condition.After}
	all := condition.FailIfEventsMatch.Items
	for _, item := range all {
		if *space < itemCost {
			break
		}
		*space -= itemCost
		var shown RejectedItem
		shown.Types, shown.MoreTypes = keepNames(space, item.Types)
		shown.Tags, shown.MoreTags = keepNames(space, item.Tags)
		c.Items = append(c.Items, shown)
	}
	c.MoreItems = len(all) - len(c.Items)
	return c
}

// keepNames returns the names for which there is space, and the number of the others.
func keepNames(space *int, names []string) (kept []string, more int) {
	for i, name := range names {
		if *space < nameCost {
			return kept, more + len(names) - i
		}
		if !keep(space, name) {
			more++
			continue
		}
		kept = append(kept, name)
	}
	return kept, more
}

// keep subtracts the size of a name from space, and reports whether there is enough.
func keep(space *int, name string) bool {
	if size := nameCost + len(name); len(name) <= nameBytes && size <= *space {
		*space -= size
		return true
	}
	return false
}

// shortened returns a text without what is after limit bytes. If it is cut, it ends with "…", and shares
// no memory with the whole.
func shortened(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + "…"
}
