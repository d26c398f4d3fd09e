package cli

import (
	"slices"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
)

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
				events, _, err := part.Read(t.Context(), s, dcb.Query{}, dcb.ReadOptions{Backwards: backwards}).Collect()
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
