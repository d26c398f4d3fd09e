package cli

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
)

func TestMoments(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 5, time.UTC)
	for text, want := range map[string]time.Time{
		"2h":                             now.Add(-2 * time.Hour),
		"1h30m":                          now.Add(-90 * time.Minute),
		"3d":                             now.Add(-72 * time.Hour),
		"0s":                             now,
		"2026-11-26":                     time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC),
		"2026-11-26T14:00Z":              time.Date(2026, 11, 26, 14, 0, 0, 0, time.UTC),
		"2026-11-26T14:00:01Z":           time.Date(2026, 11, 26, 14, 0, 1, 0, time.UTC),
		"2026-11-26T14:00:01.000000002Z": time.Date(2026, 11, 26, 14, 0, 1, 2, time.UTC),
		"2026-11-26T15:30+01:30":         time.Date(2026, 11, 26, 14, 0, 0, 0, time.UTC),
	} {
		if got, err := parseMoment(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v (%v), want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                    "how long ago",
		"yesterday":           "how long ago",
		"2":                   "how long ago",
		"2026-02-30":          "how long ago",
		"-2h":                 "it has a sign",
		"2026-11-26T14:00":    "without a zone",
		"2026-11-26 14:00":    "without a zone",
		"2026-11-26T14:00:00": "without a zone",
	} {
		if got, err := parseMoment(text, now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v (%v), want an error with %q", text, got, err, want)
		}
	}
}

// Each combination of bounds selects the events that a comparison of times selects.
func TestEventsBetweenTimes(t *testing.T) {
	s := store.OpenMemory()
	defer s.Close()
	for _, count := range []int{1, 3, 2} {
		if _, err := s.Append(t.Context(), make([]dcb.Event, count), nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	all, _, err := s.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).Collect()
	if err != nil || len(all) != 6 {
		t.Fatal(all, err)
	}
	times := []time.Time{{}}
	for _, event := range all {
		times = append(times, event.RecordedAt.Add(-1), event.RecordedAt, event.RecordedAt.Add(1))
	}
	for _, since := range times {
		for _, until := range times {
			r := recordedAt{since: moment{Time: since}, until: moment{Time: until}}
			var want []uint64
			for _, event := range all {
				if (since.IsZero() || !event.RecordedAt.Before(since)) && (until.IsZero() || !event.RecordedAt.After(until)) {
					want = append(want, event.Position)
				}
			}
			if !since.IsZero() {
				r.since.text = "given"
			}
			if !until.IsZero() {
				r.until.text = "given"
			}
			part, err := r.positions(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			for _, backwards := range []bool{false, true} {
				events, _, err := part.read(t.Context(), s, dcb.Query{}, dcb.ReadOptions{Backwards: backwards}).Collect()
				var got []uint64
				for _, event := range events {
					got = append(got, event.Position)
				}
				if backwards {
					slices.Reverse(got)
				}
				if err != nil || !slices.Equal(got, want) {
					t.Fatalf("since %v until %v, backwards %t: %v (%v), want %v", since, until, backwards, got, err, want)
				}
			}
		}
	}
}

func TestBoundsAndOptionsBothApply(t *testing.T) {
	s := store.OpenMemory()
	defer s.Close()
	if _, err := s.Append(t.Context(), make([]dcb.Event, 9), nil, nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		part    bounds
		options dcb.ReadOptions
		want    []uint64
	}{
		{bounds{3, 6}, dcb.ReadOptions{Start: new(uint64(5))}, []uint64{5, 6}},
		{bounds{3, 6}, dcb.ReadOptions{Start: new(uint64(2))}, []uint64{3, 4, 5, 6}},
		{bounds{3, 6}, dcb.ReadOptions{Start: new(uint64(5)), Backwards: true}, []uint64{5, 4, 3}},
		{bounds{3, 6}, dcb.ReadOptions{Start: new(uint64(8)), Backwards: true}, []uint64{6, 5, 4, 3}},
		{bounds{3, 6}, dcb.ReadOptions{Limit: new(uint32(2))}, []uint64{3, 4}},
		{bounds{3, 6}, dcb.ReadOptions{Start: new(uint64(8))}, nil},
		{bounds{3, 6}, dcb.ReadOptions{Start: new(uint64(1)), Backwards: true}, nil},
		{bounds{3, 2}, dcb.ReadOptions{}, nil},
		{bounds{1, 0}, dcb.ReadOptions{Backwards: true}, nil},
		{bounds{8, math.MaxUint64}, dcb.ReadOptions{}, []uint64{8, 9}},
	} {
		events, _, err := c.part.read(t.Context(), s, dcb.Query{}, c.options).Collect()
		var got []uint64
		for _, event := range events {
			got = append(got, event.Position)
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%+v with %+v: %v (%v), want %v", c.part, c.options, got, err, c.want)
		}
	}
}
