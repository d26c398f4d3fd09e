package main

import (
	"context"
	"net"
	"strings"

	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/proto"

	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// The paths of the methods that attackers call.
const (
	checkPath     = "/grpc.health.v1.Health/Check"
	watchPath     = "/grpc.health.v1.Health/Watch"
	appendPath    = umadbv1.DCB_Append_FullMethodName
	readPath      = umadbv1.DCB_Read_FullMethodName
	subscribePath = umadbv1.DCB_Subscribe_FullMethodName

	legacySubscribePath = "/umadb.UmaDBService/Subscribe"
)

// Calls that are held open: the resources of one call, many times.
var callAttacks = []attack{
	{
		name: "health-watches", summary: "300 connections × 1,000 watches of the health, without the key", short: true,
		run: func(ctx context.Context, a *attacker) error {
			return a.holdCalls(ctx, a.scaled(300, 10), call{path: watchPath, message: []byte{}})
		},
	},
	{
		name: "large-headers", summary: "100 connections × 1,000 watches of the health with 12 KB of headers each, without the key",
		run: func(ctx context.Context, a *attacker) error {
			// An indexed value would cost the attacker only one byte for each further call.
			fields := []hpack.HeaderField{{Name: "x", Value: strings.Repeat("x", 12_000), Sensitive: true}}
			return a.holdCalls(ctx, 100, call{path: watchPath, message: []byte{}, headers: fields})
		},
	},
	{
		name: "single-calls", summary: "2,000 connections with 8 calls each that never send a request, without the key",
		run: func(ctx context.Context, a *attacker) error {
			return a.repeat(ctx, 2000, func(ctx context.Context) error {
				l, err := a.link(ctx)
				if err != nil {
					return err
				}
				return l.keep(ctx, a, 8, call{path: checkPath})
			})
		},
	},
	{
		name: "unread-statuses", summary: "500 connections that call unknown methods and never receive anything, without the key",
		run: func(ctx context.Context, a *attacker) error {
			unknown := "/" + strings.Repeat("unknown", 1500)
			return a.receiveNothing(ctx, 500, call{path: unknown, message: []byte{}})
		},
	},
	{
		name: "unread-answers", summary: "500 connections that check the health and never receive anything, without the key",
		run: func(ctx context.Context, a *attacker) error {
			return a.receiveNothing(ctx, 500, call{path: checkPath, message: []byte{}})
		},
	},
	{
		name: "former-path", summary: "100 connections × 1,000 subscriptions with the legacy service name",
		run: func(ctx context.Context, a *attacker) error {
			return a.holdCalls(ctx, 100, call{path: legacySubscribePath, key: a.Key, message: []byte{}})
		},
	},
	{
		name: "headers-only", summary: "100 connections × 1,000 calls that never send a request, without the key",
		run: func(ctx context.Context, a *attacker) error {
			return a.holdCalls(ctx, a.scaled(100, 5), call{path: checkPath})
		},
	},
}

// holdCalls keeps 1,000 calls open on each connection.
func (a *attacker) holdCalls(ctx context.Context, connections int, c call) error {
	return a.repeat(ctx, connections, func(ctx context.Context) error {
		l, err := a.link(ctx)
		if err != nil {
			return err
		}
		return l.keep(ctx, a, 1000, c)
	})
}

// receiveNothing makes as many calls as the server accepts and never receives their
// responses.
func (a *attacker) receiveNothing(ctx context.Context, connections int, c call) error {
	return a.repeat(ctx, connections, func(ctx context.Context) error {
		l, err := a.sendOnlyLink(ctx, net.Dialer{Control: narrow})
		if err != nil {
			return err
		}
		defer l.close()
		defer context.AfterFunc(ctx, l.close)()
		for err == nil {
			if err := a.pace.WaitN(ctx, 10); err != nil {
				return err
			}
			a.tally.count("tens of calls")
			err = l.write(func() error {
				for range 10 {
					if _, err := l.open(c); err != nil {
						return err
					}
				}
				return nil
			})
		}
		return err
	})
}

// encoded returns the encoded message.
func encoded(m proto.Message) []byte {
	bytes, err := proto.Marshal(m)
	if err != nil {
		panic(err)
	}
	return bytes
}
