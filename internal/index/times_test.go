package index_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/umadb-go/umadb/internal/index"
)

// checkTimes fails unless a block has the times of its events, in both orders, and the position
// at each of them.
func (c *contents) checkTimes(t checker, r reader) {
	t.Helper()
	positions := make([]uint64, len(c.events))
	for i := range positions {
		positions[i] = c.first + uint64(i)
	}
	for range 2 {
		times, err := r.Times(nil, positions)
		must(t, err)
		for i, have := range times {
			if want := timeOf(positions[i]); have != want {
				t.Fatalf("the time of position %d is %d, want %d", positions[i], have, want)
			}
		}
		slices.Reverse(positions)
	}
	for i, position := range positions {
		if i > 0 && i%50 > 0 && i < len(positions)-8 {
			continue // not all of many
		}
		for _, time := range []int64{timeOf(position) - 1, timeOf(position), timeOf(position) + 1} {
			after, _ := slices.BinarySearchFunc(positions, time+1, func(p uint64, time int64) int { return int(timeOf(p) - time) })
			have, ok, err := r.PositionAt(time)
			must(t, err)
			if ok != (after > 0) || ok && have != positions[after-1] {
				t.Fatalf("the position at %d is %d (%v), want %d of %d", time, have, ok, after, len(positions))
			}
		}
	}
}

// timedGroups draws groups of several events, with times that may stand still.
func timedGroups(t *rapid.T) (sizes []int, times []int64) {
	now := int64(rapid.IntRange(-5, 5).Draw(t, "start"))
	for range rapid.IntRange(1, 1500).Draw(t, "groups") {
		sizes = append(sizes, 1+rapid.IntRange(0, 1).Draw(t, "size")*rapid.IntRange(0, 30).Draw(t, "more"))
		times = append(times, now)
		now += int64(rapid.IntRange(0, 2).Draw(t, "step"))
	}
	return sizes, times
}

// Any positions, in the order of a query, have the times of their groups, in memory and in a
// file with several pages of times.
func TestTimesOfAnyPositions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes, times := timedGroups(t)
		const first = 1001
		h := index.NewHeadBlock(hasher, first, 0)
		var want []int64 // by event
		for i, size := range sizes {
			start := h.Next()
			for range size {
				h.AddEvent(location(h.Next()), nil)
				want = append(want, times[i])
			}
			h.AddTime(start, times[i])
		}
		s := newBlockDir(t)
		block, err := s.Flush(h, index.Span{FirstGroup: 1, LastGroup: uint64(len(sizes))})
		must(t, err)
		if block.GroupTimes() != uint64(len(sizes)) || h.GroupTimes() != len(sizes) {
			t.Fatalf("%d and %d times of %d groups", h.GroupTimes(), block.GroupTimes(), len(sizes))
		}
		positions := drawPositions(t, first, len(want))
		for name, r := range map[string]reader{"head": h, "file": block} {
			have, err := r.Times(nil, positions)
			must(t, err)
			for i, position := range positions {
				if have[i] != want[position-first] {
					t.Fatalf("%s: the time of position %d is %d, want %d", name, position, have[i], want[position-first])
				}
			}
			for time := times[0] - 1; time <= times[len(times)-1]+1; time++ {
				after, _ := slices.BinarySearch(want, time+1)
				position, ok, err := r.PositionAt(time)
				must(t, err)
				if ok != (after > 0) || ok && position != first+uint64(after)-1 {
					t.Fatalf("%s: the position at %d is %d (%v), want %d events", name, time, position, ok, after)
				}
			}
		}
	})
}

// drawPositions draws ascending or descending positions, adjacent or not.
func drawPositions(t *rapid.T, first uint64, events int) (positions []uint64) {
	step := rapid.SampledFrom([]int{1, 2, 50, 1000}).Draw(t, "step")
	for at := rapid.IntRange(0, events-1).Draw(t, "from"); at < events; at += rapid.IntRange(1, step).Draw(t, "next") {
		positions = append(positions, first+uint64(at))
	}
	if rapid.Bool().Draw(t, "backwards") {
		slices.Reverse(positions)
	}
	return positions
}

// A scan reads pages that it does not need again, and other reads need them again and again.
func TestScanDoesNotCacheTimes(t *testing.T) {
	const events = 5000
	h := index.NewHeadBlock(hasher, 1, 0)
	for i := range uint64(events) {
		h.AddEvent(location(i), nil)
		h.AddTime(i+1, int64(i))
	}
	s := newBlockDir(t)
	block, err := s.Flush(h, index.Span{FirstGroup: 1, LastGroup: events})
	must(t, err)
	before, _ := s.Cache.Usage()
	for from := uint64(1); from+256 <= events; from += 256 {
		positions := make([]uint64, 256)
		for i := range positions {
			positions[i] = from + uint64(i)
		}
		times, err := block.Times(nil, positions)
		must(t, err)
		if times[255] != int64(positions[255])-1 {
			t.Fatalf("position %d has the time %d", positions[255], times[255])
		}
	}
	if after, _ := s.Cache.Usage(); after != before {
		t.Errorf("a scan has put %d pages into the cache", after-before)
	}
	_, err = block.Times(nil, []uint64{2500})
	must(t, err)
	_, _, err = block.PositionAt(100)
	must(t, err)
	if after, _ := s.Cache.Usage(); after == before {
		t.Error("lookups have put no page into the cache")
	}
}
