package main

import (
	"context"
	"strings"

	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// Calls with wrong keys, as fast as possible.
var keyAttacks = []attack{
	{
		name: "refused-keys", summary: "16 connections × 16 callers with wrong keys, at full speed", short: true,
		run: func(ctx context.Context, a *attacker) error {
			return a.repeat(ctx, a.scaled(16, 2), func(ctx context.Context) error {
				return a.callWith(ctx, "not the key", 16)
			})
		},
	},
	{
		name: "long-keys", summary: "16 connections × 16 callers with wrong keys of 12 KB, at full speed",
		run: func(ctx context.Context, a *attacker) error {
			return a.repeat(ctx, 16, func(ctx context.Context) error {
				return a.callWith(ctx, strings.Repeat("k", 12_000), 16)
			})
		},
	},
}

// callWith makes calls with a key from several callers on one connection.
func (a *attacker) callWith(ctx context.Context, key string, callers int) error {
	conn, err := a.dial(key)
	if err != nil {
		return err
	}
	defer conn.Close()
	return a.repeat(ctx, callers, func(ctx context.Context) error {
		_, err := conn.dcb.Head(ctx, &umadbv1.HeadRequest{})
		a.tally.countError(err)
		return nil // and again at once
	})
}
