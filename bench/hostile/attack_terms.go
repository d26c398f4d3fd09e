package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// Index terms: unique tags.
var termAttacks = []attack{
	{
		name: "unique-tags", summary: "one client with requests of 2.6 million unique tags", short: true,
		run: func(ctx context.Context, a *attacker) error {
			return a.appendTags(ctx, 1, a.scaled(2_600_000, 200_000))
		},
	},
	{
		name: "unique-tags-6", summary: "6 clients with requests of 2.6 million unique tags",
		run: func(ctx context.Context, a *attacker) error { return a.appendTags(ctx, 6, 2_600_000) },
	},
	{
		name: "tags-at-limit", summary: "16 clients with requests of the maximum number of unique tags",
		run: func(ctx context.Context, a *attacker) error { return a.appendTags(ctx, 16, acceptedTags) },
	},
	{
		name: "large-tags-appended", summary: "4 clients with requests of four unique tags of 3.9 MB each",
		run: func(ctx context.Context, a *attacker) error {
			return a.own(ctx, 4, func(ctx context.Context, conn *connection) error {
				request := &umadbv1.AppendRequest{}
				for range largePerRequest {
					tag := fmt.Sprintf("%016x", rand.Uint64()) + strings.Repeat("t", largeBytes)
					request.Events = append(request.Events, &umadbv1.Event{Tags: []string{tag}})
				}
				_, err := conn.dcb.Append(ctx, request)
				return err
			})
		},
	},
	{
		name: "large-appends", summary: "8 clients with requests of 16 MB",
		run: func(ctx context.Context, a *attacker) error {
			request := &umadbv1.AppendRequest{Events: slices.Repeat([]*umadbv1.Event{largeEvent(0)}, largePerRequest)}
			return a.own(ctx, 8, func(ctx context.Context, conn *connection) error {
				_, err := conn.dcb.Append(ctx, request)
				return err
			})
		},
	},
	{
		name: "tracking-sources", summary: "64 clients that record a new tracking source with each append",
		run: func(ctx context.Context, a *attacker) error {
			return a.own(ctx, 64, func(ctx context.Context, conn *connection) error {
				source := fmt.Sprintf("%016x", rand.Uint64()) + strings.Repeat("s", 239)
				_, err := conn.dcb.Append(ctx, &umadbv1.AppendRequest{TrackingInfo: &umadbv1.TrackingInfo{Source: source, Position: 1}})
				return err
			})
		},
	},
}

// acceptedTags is the maximum number of tags in a request.
const acceptedTags = 262_144

// appendTags appends events with unique tags. If that is refused, it appends the
// maximum number of tags.
func (a *attacker) appendTags(ctx context.Context, clients, tags int) error {
	return a.own(ctx, clients, func(ctx context.Context, conn *connection) error {
		_, err := conn.dcb.Append(ctx, tagged(tags))
		if status.Code(err) == codes.InvalidArgument {
			a.tally.countError(err)
			_, err = conn.dcb.Append(ctx, tagged(min(tags, acceptedTags)))
		}
		return err
	})
}

// tagged returns a request of events with 65,000 short tags each.
func tagged(tags int) *umadbv1.AppendRequest {
	const perEvent = 65_000
	request := &umadbv1.AppendRequest{}
	for first := rand.IntN(1 << 24); tags > 0; tags -= perEvent {
		event := &umadbv1.Event{Tags: make([]string, min(tags, perEvent))}
		for i := range event.Tags {
			event.Tags[i] = shortTag(first)
			first++
		}
		request.Events = append(request.Events, event)
	}
	return request
}
