package main

import (
	"context"

	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// Clients that do not read responses.
var readerAttacks = []attack{
	{
		name: "unread-small", summary: "8 connections × 1,000 reads with a window of 0 and messages of 30 KB", short: true,
		prepare: fillSmall,
		run:     func(ctx context.Context, a *attacker) error { return a.readNothing(ctx, a.scaled(8, 2), 1000, 110) },
	},
	{
		name: "unread-small-40", summary: "40 connections × 1,000 reads with a window of 0 and messages of 30 KB",
		prepare: fillSmall,
		run:     func(ctx context.Context, a *attacker) error { return a.readNothing(ctx, 40, 1000, 110) },
	},
	{
		name: "single-reads", summary: "2,000 connections with one read each, with a window of 0 and messages of 256 KiB",
		prepare: fillSmall,
		run:     func(ctx context.Context, a *attacker) error { return a.readNothing(ctx, 2000, 1, 4096) },
	},
	{
		name: "unread-sockets", summary: "100 connections × 100 reads of everything that never receive anything",
		prepare: fillSmall,
		run: func(ctx context.Context, a *attacker) error {
			c := call{path: readPath, key: a.Key, message: []byte{}}
			return a.receiveNothing(ctx, 100, c)
		},
	},
	{
		name: "unread-large", summary: "8 connections × 1,000 reads with a window of 0 and messages of 256 KiB",
		prepare: fillSmall,
		run:     func(ctx context.Context, a *attacker) error { return a.readNothing(ctx, 8, 1000, 4096) },
	},
}

// fillSmall stores events of about 270 bytes.
func fillSmall(ctx context.Context, t target, _ bool) error {
	return t.fill(ctx, 5000, 1000, func(int) *umadbv1.Event {
		return &umadbv1.Event{EventType: "Small", Data: make([]byte, 250)}
	})
}

// readNothing keeps reads open with a window of 0.
func (a *attacker) readNothing(ctx context.Context, connections, calls int, batch uint32) error {
	c := call{path: readPath, key: a.Key, message: encoded(&umadbv1.ReadRequest{BatchSize: &batch})}
	return a.repeat(ctx, connections, func(ctx context.Context) error {
		l, err := a.link(ctx, window(0))
		if err != nil {
			return err
		}
		return l.keep(ctx, a, calls, c)
	})
}
