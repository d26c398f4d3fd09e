package server_test

import (
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/internal/server"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

func TestCountsAreThoseOfTheStore(t *testing.T) {
	r := start(t, newMemoryStore(), server.Options{})
	client := r.client(t)
	for range 5 {
		mustAppend(t, client)
	}
	counts, err := client.Count(within(t, patience), &umadbv1.CountRequest{Bounds: []uint64{0, 1, 5, 9}})
	if err != nil || !slices.Equal(counts.GetCounts(), []uint64{1, 4, 0}) {
		t.Errorf("the counts are %v, %v", counts, err)
	}
	many := make([]uint64, 1001) // for which memory is reserved
	if counts, err = client.Count(within(t, patience), &umadbv1.CountRequest{Bounds: many}); err != nil || len(counts.GetCounts()) != 1000 {
		t.Errorf("%d counts, %v", len(counts.GetCounts()), err)
	}
	if _, err := client.Count(within(t, patience), &umadbv1.CountRequest{Bounds: []uint64{1, 0}}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("bounds that descend: %v", err)
	}
}

// A key with limits may count what it may read.
func TestCountOfLimitedKey(t *testing.T) {
	limited := keyNamed("limited", read)
	limited.TagPrefixes = []string{"t:1:"}
	c := startWithKeys(t, newMemoryStore(), server.Options{}, limited).raw(t)
	ask := func(tag string) rawResponse {
		query := &umadbv1.Query{Items: []*umadbv1.QueryItem{{Tags: []string{tag}}}}
		return c.post(t, umadbv1.DCB_Count_FullMethodName, request(t, &umadbv1.CountRequest{Query: query, Bounds: []uint64{0, 1}}), "Authorization", "Bearer secret-limited")
	}
	if answer := ask("t:1:x"); answer.code != codes.OK {
		t.Errorf("events that may be read: %v: %s", answer.code, answer.message)
	}
	wantDenied(t, ask("t:2:x"), "limited", "secret-limited")
}
