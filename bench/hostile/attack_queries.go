package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// Queries that are large or expensive to evaluate.
var queryAttacks = []attack{
	{
		name: "large-tags", summary: "8 subscriptions to one tag of 16 MiB each",
		run: func(ctx context.Context, a *attacker) error {
			return a.subscribe(ctx, 8, tagQuery(strings.Repeat("t", 16_777_201)))
		},
	},
	{
		name: "large-subscriptions", summary: "500 subscriptions to 65,536 tags each", short: true,
		run: func(ctx context.Context, a *attacker) error {
			return a.subscribe(ctx, a.scaled(500, 10), manyTags(65_536))
		},
	},
	{
		name: "large-subscriptions-20", summary: "20 subscriptions to 65,536 tags each",
		run: func(ctx context.Context, a *attacker) error { return a.subscribe(ctx, 20, manyTags(65_536)) },
	},
	{
		name: "large-reads", summary: "64 reads of 30,000 items of two frequent tags",
		prepare: fillAlternating,
		run: func(ctx context.Context, a *attacker) error {
			return a.read(ctx, a.scaled(64, 8), sameItems(30_000, "a", "b"))
		},
	},
	{
		name: "reset-reads", summary: "16 connections that start reads of 30,000 items and cancel each after 10 ms",
		prepare: fillAlternating,
		run: func(ctx context.Context, a *attacker) error {
			request := &umadbv1.ReadRequest{Query: sameItems(30_000, "a", "b")}
			return a.own(ctx, 16, func(ctx context.Context, conn *connection) error {
				ctx, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
				defer cancel()
				stream, err := conn.dcb.Read(ctx, request)
				if err == nil {
					err = receiveAll(stream)
				}
				if status.Code(err) == codes.DeadlineExceeded {
					return nil // and again at once
				}
				return err
			})
		},
	},
	{
		name: "short-slow-conditions", summary: "4,000 concurrent conditional appends of one item of two frequent tags, repeated",
		prepare: fillAlternating,
		run: func(ctx context.Context, a *attacker) error {
			return a.shared(ctx, 8, 500, func(ctx context.Context, conn *connection) error {
				_, err := conn.dcb.Append(ctx, conditional(sameItems(1, "a", "b")))
				return err
			})
		},
	},
	{
		name: "short-slow-reads", summary: "4,000 concurrent reads of one item of two frequent tags, repeated",
		prepare: fillAlternating,
		run: func(ctx context.Context, a *attacker) error {
			return a.shared(ctx, 8, 500, func(ctx context.Context, conn *connection) error {
				stream, err := conn.dcb.Read(ctx, &umadbv1.ReadRequest{Query: sameItems(1, "a", "b")})
				if err != nil {
					return err
				}
				return receiveAll(stream)
			})
		},
	},
	{
		name: "single-tags", summary: "16 conditions of 65,536 items of one tag each that no event has",
		prepare: fillAlternating,
		run: func(ctx context.Context, a *attacker) error {
			return a.appendConditionally(ctx, 16, manyTags(65_536))
		},
	},
	{
		name: "slow-conditions", summary: "8 conditions of 30,000 items of two frequent tags, held",
		prepare: fillAlternating,
		run: func(ctx context.Context, a *attacker) error {
			return a.appendConditionally(ctx, a.scaled(8, 4), sameItems(30_000, "a", "b"))
		},
	},
}

// fillAlternating stores events with alternating tags a and b.
func fillAlternating(ctx context.Context, t target, short bool) error {
	events := 200_000
	if short {
		events = 20_000
	}
	return t.fill(ctx, events, 20_000, func(i int) *umadbv1.Event {
		return &umadbv1.Event{EventType: "Either", Tags: []string{[]string{"a", "b"}[i%2]}}
	})
}

// manyTags returns a query for events with one of n tags.
func manyTags(n int) *umadbv1.Query {
	query := &umadbv1.Query{}
	for i := range n {
		query.Items = append(query.Items, &umadbv1.QueryItem{Tags: []string{shortTag(i)}})
	}
	return query
}

// sameItems returns a query with n equal items.
func sameItems(n int, tags ...string) *umadbv1.Query {
	query := &umadbv1.Query{}
	for range n {
		query.Items = append(query.Items, &umadbv1.QueryItem{Tags: tags})
	}
	return query
}

// shortTag returns a short unique tag for each number.
func shortTag(n int) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	tag := make([]byte, 0, 6)
	for ; ; n /= len(digits) {
		tag = append(tag, digits[n%len(digits)])
		if n < len(digits) {
			return string(tag)
		}
	}
}

// refusedPause is how long an attacker waits after a large request was refused:
// sending it again at once would measure the loopback.
const refusedPause = time.Second

// own runs attackers with a connection each, with the key.
func (a *attacker) own(ctx context.Context, n int, attack func(context.Context, *connection) error) error {
	return a.shared(ctx, n, 1, attack)
}

// shared runs the given number of attackers on each of several connections with the
// key.
func (a *attacker) shared(ctx context.Context, connections, each int, attack func(context.Context, *connection) error) error {
	return a.repeat(ctx, connections, func(ctx context.Context) error {
		conn, err := a.dial(a.Key)
		if err != nil {
			return err
		}
		defer conn.Close()
		return a.repeat(ctx, each, func(ctx context.Context) error {
			err := attack(ctx, conn)
			a.tally.countError(err)
			if err != nil {
				pause(ctx, refusedPause)
			}
			return nil
		})
	})
}

// subscribe keeps n subscriptions open, each on its own connection.
func (a *attacker) subscribe(ctx context.Context, n int, query *umadbv1.Query) error {
	request := &umadbv1.SubscribeRequest{Query: query}
	return a.own(ctx, n, func(ctx context.Context, conn *connection) error {
		stream, err := conn.dcb.Subscribe(ctx, request)
		if err != nil {
			return err
		}
		return receiveAll(stream)
	})
}

func (a *attacker) read(ctx context.Context, n int, query *umadbv1.Query) error {
	request := &umadbv1.ReadRequest{Query: query}
	return a.own(ctx, n, func(ctx context.Context, conn *connection) error {
		stream, err := conn.dcb.Read(ctx, request)
		if err != nil {
			return err
		}
		return receiveAll(stream)
	})
}

func (a *attacker) appendConditionally(ctx context.Context, n int, query *umadbv1.Query) error {
	request := conditional(query)
	return a.own(ctx, n, func(ctx context.Context, conn *connection) error {
		_, err := conn.dcb.Append(ctx, request)
		return err
	})
}

// conditional returns an append that fails if an event matches.
func conditional(query *umadbv1.Query) *umadbv1.AppendRequest {
	return &umadbv1.AppendRequest{
		Events:    []*umadbv1.Event{{EventType: "Conditional"}},
		Condition: &umadbv1.AppendCondition{FailIfEventsMatch: query},
	}
}

// receiveAll receives a stream to its end.
func receiveAll[T any](stream grpc.ServerStreamingClient[T]) error {
	for {
		if _, err := stream.Recv(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}
