package storetest

import (
	"fmt"
	"math"

	"pgregory.net/rapid"

	"github.com/umadb-go/umadb/dcb"
)

// Random requests use few names, so that they often refer to the same events.
var (
	someTypes   = rapid.SampledFrom([]string{"A", "B", "C", ""})
	someTags    = rapid.SampledFrom([]string{"x", "y", "z", "A", ""})
	someSources = rapid.SampledFrom([]string{"s", "t", "s ", ""})
	someUUIDs   = rapid.Custom(drawUUID)
	someEvents  = rapid.SliceOfN(rapid.Custom(drawEvent), 0, 5)
	someItems   = rapid.SliceOfN(rapid.Custom(drawItem), 0, 3)
)

func drawEvent(t *rapid.T) dcb.Event {
	event := dcb.Event{
		Type: someTypes.Draw(t, "type"),
		Tags: rapid.SliceOfN(someTags, 0, 4).Draw(t, "tags"),
	}
	switch rapid.IntRange(0, 39).Draw(t, "uuid?") {
	case 38:
	case 39:
		event.UUID = "invalid"
	default:
		event.UUID = someUUIDs.Draw(t, "uuid")
	}
	size := rapid.IntRange(0, 5).Draw(t, "size")
	if size == 5 {
		size = rapid.SampledFrom([]int{5, 5, 5, 4000, 70_000, 300_000}).Draw(t, "large")
	}
	event.Data = patterned(size)
	for i := range rapid.IntRange(0, 2).Draw(t, "metadata") {
		event.Metadata = append(event.Metadata, dcb.Metadata{Key: fmt.Sprint(9 - i), Value: event.Type})
	}
	return event
}

// drawUUID returns one of 40 UUIDs, in one of its forms.
func drawUUID(t *rapid.T) string {
	id := fmt.Sprintf("0f0e0d0c-0b0a-4908-8706-05040302ab%02x", rapid.IntRange(0, 39).Draw(t, "id"))
	return rapid.SampledFrom([]string{id, id, id, "urn:uuid:" + id, "{" + id + "}"}).Draw(t, "form")
}

func drawItem(t *rapid.T) dcb.QueryItem {
	return dcb.QueryItem{
		Types: rapid.SliceOfN(someTypes, 0, 2).Draw(t, "types"),
		Tags:  rapid.SliceOfN(someTags, 0, 2).Draw(t, "tags"),
	}
}

func drawQuery(t *rapid.T) dcb.Query {
	return dcb.Query{Items: someItems.Draw(t, "items")}
}

// drawPosition returns a position, often at or near 0, the head or the maximum.
func drawPosition(t *rapid.T, head uint64) uint64 {
	switch rapid.IntRange(0, 5).Draw(t, "where") {
	case 0:
		return 0
	case 1:
		return math.MaxUint64 - rapid.Uint64Range(0, 1).Draw(t, "below the maximum")
	case 2:
		return head + rapid.Uint64Range(0, 2).Draw(t, "past the head")
	case 3:
		return rapid.Uint64Range(0, head).Draw(t, "anywhere")
	default:
		return head - min(head, rapid.Uint64Range(0, 5).Draw(t, "below the head"))
	}
}

func drawCondition(t *rapid.T, head uint64) *dcb.AppendCondition {
	return &dcb.AppendCondition{FailIfEventsMatch: drawQuery(t), After: drawPosition(t, head)}
}

// drawBoundary returns the condition of a caller that has read everything and
// whose own events match: if repeated, the append is a retry.
func drawBoundary(t *rapid.T, head uint64, events []dcb.Event) *dcb.AppendCondition {
	if len(events) == 0 {
		return drawCondition(t, head)
	}
	event := rapid.SampledFrom(events).Draw(t, "own")
	item := dcb.QueryItem{Types: []string{event.Type}, Tags: event.Tags}
	return &dcb.AppendCondition{FailIfEventsMatch: dcb.Query{Items: []dcb.QueryItem{item}}, After: head}
}

// drawTracking returns nil, or tracking that is about as likely to be refused as
// accepted.
func drawTracking(t *rapid.T) *dcb.TrackingInfo {
	if rapid.IntRange(0, 2).Draw(t, "tracking?") < 2 {
		return nil
	}
	tracking := &dcb.TrackingInfo{Source: someSources.Draw(t, "source")}
	if rapid.IntRange(0, 20).Draw(t, "end?") == 20 {
		tracking.Position = math.MaxUint64
	} else {
		tracking.Position = rapid.Uint64Range(0, 20).Draw(t, "upstream")
	}
	return tracking
}

func drawOptions(t *rapid.T, head uint64) dcb.ReadOptions {
	options := dcb.ReadOptions{Backwards: rapid.Bool().Draw(t, "backwards")}
	if rapid.Bool().Draw(t, "start?") {
		options.Start = new(drawPosition(t, head))
	}
	if rapid.Bool().Draw(t, "limit?") {
		options.Limit = new(rapid.SampledFrom([]uint32{0, 1, 2, 3, 5, 10, math.MaxUint32}).Draw(t, "limit"))
	}
	return options
}
