package store

import (
	"math"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
)

// logTimes returns the commit time of each event by the headers of the groups in the log.
func logTimes(t testing.TB, s *Store) (times []int64) {
	t.Helper()
	for g, err := range s.Groups(t.Context(), eventlog.GroupID{}, false) {
		if err != nil {
			t.Fatal(err)
		}
		for range g.Count {
			times = append(times, g.Time)
		}
	}
	return times
}

// naivePositionAt returns the position of the last event with a time or one before.
func naivePositionAt(times []int64, at int64) (last uint64) {
	for i, time := range times {
		if time <= at {
			last = uint64(i) + 1
		}
	}
	return last
}

// MustHaveTimes fails unless the times of all events are those of the log, however they are read.
func MustHaveTimes(t testing.TB, s *Store) {
	t.Helper()
	times := logTimes(t, s)
	for what, query := range map[string]dcb.Query{"all": {}, "type": {Items: []dcb.QueryItem{{Types: []string{"of 2", "of 3"}}}}, "tag": {Items: []dcb.QueryItem{{Tags: []string{"all"}}}}} {
		for _, backwards := range []bool{false, true} {
			for event, err := range s.Read(t.Context(), query, dcb.ReadOptions{Backwards: backwards}).All() {
				if err != nil {
					t.Fatal(err)
				}
				mustHaveTime(t, what, event, times)
			}
		}
	}
	if n := len(times); n > 0 {
		for event, err := range s.Subscribe(t.Context(), dcb.Query{}, 0) {
			if err != nil {
				t.Fatal(err)
			}
			if mustHaveTime(t, "subscription", event, times); event.Position == uint64(n) {
				break
			}
		}
	}
	for i, recorded := range times {
		if i > 0 && recorded == times[i-1] {
			continue
		}
		for _, at := range []int64{recorded - 1, recorded, recorded + 1} {
			mustBePositionAt(t, s, time.Unix(0, at), naivePositionAt(times, at))
		}
	}
	mustBePositionAt(t, s, time.Time{}, 0)
	mustBePositionAt(t, s, time.Unix(0, math.MinInt64).Add(-1), 0)
	mustBePositionAt(t, s, time.Unix(0, math.MaxInt64).Add(1), uint64(len(times)))
}

func mustHaveTime(t testing.TB, what string, event dcb.SequencedEvent, times []int64) {
	t.Helper()
	if want := time.Unix(0, times[event.Position-1]).UTC(); event.RecordedAt != want {
		t.Errorf("%s: event %d was recorded at %v, want %v", what, event.Position, event.RecordedAt, want)
	}
}

func mustBePositionAt(t testing.TB, s *Store, at time.Time, want uint64) {
	t.Helper()
	if have, err := s.PositionAt(t.Context(), at); err != nil || have != want {
		t.Errorf("the position at %v is %d, %v, want %d", at, have, err, want)
	}
}
