package main

import (
	"context"
	"fmt"
	"time"

	"github.com/umadb-go/umadb/client"
	"github.com/umadb-go/umadb/dcb"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// Many subscribers that are individually harmless.
var subscriberAttacks = []attack{
	{
		name: "idle-subscribers", summary: "10,000 subscribers to a tag that no event has", short: true,
		run: func(ctx context.Context, a *attacker) error {
			return a.holdCalls(ctx, a.scaled(10, 1), call{path: subscribePath, key: a.Key, message: encoded(
				&umadbv1.SubscribeRequest{Query: tagQuery("rare")})})
		},
	},
	{
		name: "many-subscribers", summary: "40,000 subscribers to a tag that no event has, on 40 connections",
		run: func(ctx context.Context, a *attacker) error {
			return a.holdCalls(ctx, 40, call{path: subscribePath, key: a.Key, message: encoded(
				&umadbv1.SubscribeRequest{Query: tagQuery("rare")})})
		},
	},
	{
		name: "watched-tag", summary: "100 subscriptions of 65,536 items with the tag of the steady client's events",
		run: func(ctx context.Context, a *attacker) error {
			return a.subscribe(ctx, 100, sameItems(65_536, steadyTag))
		},
	},
	{
		name: "all-subscribers", summary: "2,000 subscribers to every event",
		run: func(ctx context.Context, a *attacker) error {
			return a.holdCalls(ctx, a.scaled(2, 1), call{path: subscribePath, key: a.Key, message: encoded(
				&umadbv1.SubscribeRequest{})})
		},
	},
	{
		name: "one-client", summary: "1,100 subscriptions of one of our clients, which then appends",
		server: serverOptions{open: true}, // our client sends no key without TLS
		run:    subscribeAndAppend,
	},
}

func tagQuery(tags ...string) *umadbv1.Query {
	return &umadbv1.Query{Items: []*umadbv1.QueryItem{{Tags: tags}}}
}

// subscribeAndAppend fails if the appends of the client are blocked by its
// subscriptions.
func subscribeAndAppend(ctx context.Context, a *attacker) error {
	store, err := client.Dial(a.url(), &client.Options{CAFile: a.CAFile, APIKey: a.Key})
	if err != nil {
		return err
	}
	for range 1100 {
		go func() {
			for _, err := range store.Subscribe(ctx, dcb.Query{Items: []dcb.QueryItem{{Tags: []string{"rare"}}}}, 0) {
				if err != nil && ctx.Err() == nil {
					a.tally.countError(err)
				}
			}
		}()
	}
	if !pause(ctx, 5*time.Second) {
		return nil
	}
	for ctx.Err() == nil {
		start := time.Now()
		limited, cancel := context.WithTimeout(ctx, 5*time.Second)
		_, err := store.Append(limited, []dcb.Event{{Type: "Viewed"}}, nil, nil)
		cancel()
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("append of a client with 1,100 subscriptions failed after %v: %w", time.Since(start), err)
		}
		a.tally.count("own appends")
		pause(ctx, 100*time.Millisecond)
	}
	return nil
}
