package main

import (
	"context"
	"errors"
)

// decide reads the events that a filter selects, and appends events on condition that
// no other one has been appended since. After a conflict it starts again. It returns the
// number of events that it read last.
func decide(ctx context.Context, c client, f filter, events []event) (read int64, err error) {
	for {
		read, cursor, err := c.read(ctx, &query{filter: f}, func(int64) {})
		if err != nil {
			return read, err
		}
		_, err = c.append(ctx, events, &condition{f, cursor})
		if !errors.Is(err, errConflict) {
			return read, err
		}
	}
}
