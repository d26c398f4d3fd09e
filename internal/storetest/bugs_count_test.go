package storetest_test

import (
	"context"
	"slices"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/storetest"
)

// counting returns a store that counts between other bounds, and changes the numbers.
func counting(between func([]uint64) []uint64, change func(counts []uint64) []uint64) broken {
	return broken{count: func(n *storetest.Naive, query dcb.Query, bounds []uint64) ([]uint64, error) {
		counts, err := n.CountEvents(context.Background(), query, between(slices.Clone(bounds)))
		return change(counts), err
	}}
}

func same(numbers []uint64) []uint64 { return numbers }

const countedBetween = "counting/events are counted after a bound and up to the next one"

var countBugs = []bug{
	{"the first bound is counted", counting(func(bounds []uint64) []uint64 {
		bounds[0] = max(bounds[0], 1) - 1
		return bounds
	}, same), []string{countedBetween}},
	{"the last bound is not counted", counting(func(bounds []uint64) []uint64 {
		last := &bounds[len(bounds)-1]
		*last = max(bounds[0], *last-1)
		return bounds
	}, same), []string{countedBetween}},
	{"numbers are cumulative", counting(same, func(counts []uint64) []uint64 {
		for i := 1; i < len(counts); i++ {
			counts[i] += counts[i-1]
		}
		return counts
	}), []string{countedBetween, "counting/bounds may be equal and above the head", "counting/many bounds are counted at once"}},
	{"a few bounds are counted", counting(same, func(counts []uint64) []uint64 { return counts[:min(len(counts), 64)] }), []string{
		"counting/many bounds are counted at once",
	}},
	{"empty ranges are left out", counting(slices.Compact, same), []string{"counting/bounds may be equal and above the head"}},
	{"bounds are sorted", counting(func(bounds []uint64) []uint64 {
		slices.Sort(bounds)
		return bounds
	}, same), []string{"counting/bounds that descend, and too few or too many, are refused"}},
}
