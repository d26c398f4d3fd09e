// Package dcb is the vocabulary of an event store with dynamic consistency
// boundaries (https://dcb.events): events, queries, append conditions,
// tracking, errors, and the interface that every UmaDB store satisfies.
//
// An event has a type, tags and data. A reader asks for events by types and
// tags. A writer appends on the condition that no event matching a query has
// come after the position that it read up to:
//
//	course := dcb.Query{Items: []dcb.QueryItem{{Tags: []string{"course:1"}}}}
//	events, head, err := store.Read(ctx, course, dcb.ReadOptions{}).Collect()
//	// … decide from the events …
//	position, err := store.Append(ctx, newEvents,
//		&dcb.AppendCondition{FailIfEventsMatch: course, After: head}, nil)
//
// Positions begin at 1 and have no gaps; 0 stands for "before the first event".
package dcb
