package main

import (
	"context"
	"fmt"
	"time"

	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// Work for the one goroutine that decides appends.
var writerAttacks = []attack{
	{
		name: "overtaken-conditions", summary: "8 conditions of 16,384 items, and 60,000 events that come after these were examined", short: true,
		run: func(ctx context.Context, a *attacker) error { return a.overtake(ctx, a.scaled(16_384, 4096)) },
	},
	{
		name: "overtaken-conditions-32768", summary: "8 conditions of 32,768 items, and 60,000 events that come after these were examined",
		run: func(ctx context.Context, a *attacker) error { return a.overtake(ctx, 32_768) },
	},
}

// overtake sends conditions about tags that hardly any event has, and then
// appends many events with these tags, round after round with other tags.
func (a *attacker) overtake(ctx context.Context, items int) error {
	conn, err := a.dial(a.Key)
	if err != nil {
		return err
	}
	defer conn.Close()
	for round := 0; ctx.Err() == nil; round++ {
		tags := []string{fmt.Sprintf("a%d", round), fmt.Sprintf("b%d", round)}
		conditional := &umadbv1.AppendRequest{
			Events:    []*umadbv1.Event{{EventType: "Conditional"}},
			Condition: &umadbv1.AppendCondition{FailIfEventsMatch: sameItems(items, tags...)},
		}
		many := &umadbv1.AppendRequest{}
		for i := range a.scaled(60_000, 10_000) {
			many.Events = append(many.Events, &umadbv1.Event{Tags: tags[i%2 : i%2+1]})
		}
		for range 8 {
			go func() {
				_, err := conn.dcb.Append(ctx, conditional)
				a.tally.countError(err)
			}()
		}
		pause(ctx, 150*time.Millisecond)
		_, err := conn.dcb.Append(ctx, many)
		a.tally.countError(err)
		pause(ctx, 3*time.Second)
	}
	return nil
}
