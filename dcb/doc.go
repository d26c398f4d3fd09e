// Package dcb defines the types of an event store with dynamic consistency
// boundaries (https://dcb.events): events, queries, append conditions,
// tracking, errors, and the interface EventStore, which every UmaDB store
// implements.
//
// An event has a type, tags and data. A reader selects events by type and tag.
// A writer appends events on condition that no event matching a query was
// appended after the position that the writer has read up to:
//
//	course := dcb.Query{Items: []dcb.QueryItem{{Tags: []string{"course:1"}}}}
//	events, head, err := store.Read(ctx, course, dcb.ReadOptions{}).Collect()
//	// … decide from the events …
//	position, err := store.Append(ctx, newEvents,
//		&dcb.AppendCondition{FailIfEventsMatch: course, After: head}, nil)
//
// Positions start at 1 and have no gaps. Position 0 means "before the first event".
package dcb
