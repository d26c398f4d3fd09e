package main

import (
	"context"
	"fmt"

	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// fill appends events, perRequest in each request.
func (t *target) fill(ctx context.Context, events, perRequest int, event func(i int) *umadbv1.Event) error {
	conn, err := t.dial(t.Key)
	if err != nil {
		return err
	}
	defer conn.Close()
	for stored := 0; stored < events; {
		request := &umadbv1.AppendRequest{}
		for range min(perRequest, events-stored) {
			request.Events = append(request.Events, event(stored))
			stored++
		}
		if _, err := conn.dcb.Append(ctx, request); err != nil {
			return fmt.Errorf("filling the store: %w", err)
		}
	}
	return nil
}
