package main

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// Several attacks at once, each of which may stay within its own bound.
var mixedAttacks = []attack{
	{
		name: "mixed", summary: "watches, calls without a request, idle connections, unread answers, large queries and unique tags at once",
		prepare: fillSmall,
		run: func(ctx context.Context, a *attacker) error {
			var group errgroup.Group
			for _, run := range []func() error{
				func() error { return a.holdCalls(ctx, 50, call{path: watchPath, message: []byte{}}) },
				func() error { return a.holdCalls(ctx, 50, call{path: checkPath}) },
				func() error { return a.idle(ctx, 1000) },
				func() error { return a.readNothing(ctx, 8, 1000, 110) },
				func() error { return a.subscribe(ctx, 50, manyTags(65_536)) },
				func() error { return a.appendTags(ctx, 1, acceptedTags) },
				func() error { return a.overtake(ctx, 16_384) },
			} {
				group.Go(run)
			}
			return group.Wait()
		},
	},
}
