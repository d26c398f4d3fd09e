package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// Load on the goroutine that checks conditions.
var writerAttacks = []attack{
	{
		name: "overtaken-conditions", summary: "8 conditions of 16,384 items, and 60,000 events appended after their precheck", short: true,
		run: func(ctx context.Context, a *attacker) error { return a.overtake(ctx, a.scaled(16_384, 1024)) },
	},
	{
		name: "overtaken-conditions-32768", summary: "8 conditions of 32,768 items, and 60,000 events appended after their precheck",
		run: func(ctx context.Context, a *attacker) error { return a.overtake(ctx, 32_768) },
	},
}

// overtake repeatedly sends conditions on rare tags and, while they are checked,
// appends many events with these tags. Each round has other tags.
func (a *attacker) overtake(ctx context.Context, items int) error {
	var rounds errgroup.Group
	for round := 0; ctx.Err() == nil; round++ {
		tags := []string{fmt.Sprintf("a%d", round), fmt.Sprintf("b%d", round)}
		limited, cancel := context.WithTimeout(ctx, 10*time.Second)
		rounds.Go(func() error {
			defer cancel()
			return a.appendConditionally(limited, 8, sameItems(items, tags...))
		})
		pause(ctx, 300*time.Millisecond)
		rounds.Go(func() error { return a.appendAlternating(ctx, a.scaled(60_000, 5000), tags) })
		pause(ctx, 3*time.Second)
	}
	return rounds.Wait()
}

// appendAlternating appends events with alternating tags.
func (a *attacker) appendAlternating(ctx context.Context, events int, tags []string) error {
	conn, err := a.dial(a.Key)
	if err != nil {
		return err
	}
	defer conn.Close()
	request := &umadbv1.AppendRequest{}
	for i := range events {
		request.Events = append(request.Events, &umadbv1.Event{Tags: tags[i%2 : i%2+1]})
	}
	_, err = conn.dcb.Append(ctx, request)
	a.tally.countError(err)
	return nil
}
