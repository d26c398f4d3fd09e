package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// timedRecords returns records with random times that do not decrease.
func timedRecords(chance *rand.Rand, n int) (all []dcb.SequencedEvent) {
	at := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	position, upstream := uint64(0), uint64(0)
	for range n {
		if chance.IntN(3) > 0 {
			at = at.Add(time.Duration(chance.Int64N(int64(3 * time.Second))))
		}
		upstream++
		info := &dcb.TrackingInfo{Source: fmt.Sprint("s", chance.IntN(3)), Position: upstream}
		if chance.IntN(5) == 0 {
			all = append(all, dcb.SequencedEvent{Tracking: info, RecordedAt: at})
			continue
		}
		position++
		event := dcb.Event{Type: "T", Tags: []string{fmt.Sprint("n:", position%5)}, Data: []byte(strings.Repeat("x", 1+chance.IntN(200)))}
		if chance.IntN(3) > 0 {
			info = nil
		}
		all = append(all, dcb.SequencedEvent{Position: position, Event: event, Tracking: info, RecordedAt: at})
	}
	return all
}

// restoreInBatches restores records in batches of random sizes.
func restoreInBatches(ctx context.Context, s *store.Store, records []dcb.SequencedEvent, chance *rand.Rand) error {
	for len(records) > 0 {
		n := min(len(records), 1+chance.IntN(40))
		if err := s.Restore(ctx, records[:n]); err != nil {
			return err
		}
		records = records[n:]
	}
	return nil
}

func TestRestoreKeepsTimes(t *testing.T) {
	for seed := range uint64(20) {
		chance := rand.New(rand.NewPCG(seed, 0))
		mem, records := vfs.NewMem(), timedRecords(chance, 300)
		s, err := store.Open(crashDir, smallOptions(mem))
		if err == nil {
			err = restoreInBatches(t.Context(), s, records, chance)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := readRecords(t, s); !reflect.DeepEqual(got, records) {
			t.Fatalf("seed %d: the records differ", seed)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		mustBeValid(t, fmt.Sprint("seed ", seed), mem)
		if s, err = store.Open(crashDir, smallOptions(mem)); err != nil {
			t.Fatal(err)
		}
		if got := readRecords(t, s); !reflect.DeepEqual(got, records) {
			t.Fatalf("seed %d: the records differ after reopening", seed)
		}
		s.Close()
	}
}

func TestRestoreWritesOneGroupForEachTime(t *testing.T) {
	s := openStore(t, t.TempDir(), nil)
	at := func(position uint64, second int64) dcb.SequencedEvent {
		return dcb.SequencedEvent{Position: position, RecordedAt: time.Unix(second, 0).UTC()}
	}
	if err := s.Restore(t.Context(), []dcb.SequencedEvent{at(1, 7), at(2, 7), at(3, 8), at(4, 9), at(5, 9)}); err != nil {
		t.Fatal(err)
	}
	var counts []uint32
	for g, err := range s.Groups(t.Context(), eventlog.GroupID{}, false) {
		if err != nil {
			t.Fatal(err)
		}
		if g.Kind == eventlog.KindRecords {
			counts = append(counts, g.Count)
		}
	}
	if want := []uint32{2, 1, 2}; !slices.Equal(counts, want) {
		t.Errorf("the groups have %d events, want %d", counts, want)
	}
}

// Otherwise one of two copies of a store would be taken for one that the other can continue,
// although their IDs differ.
func TestChainOfRestoredStoreIsItsOwn(t *testing.T) {
	records := timedRecords(rand.New(rand.NewPCG(1, 1)), 50)
	chains := map[uint64]bool{}
	for range 10 {
		s := openStore(t, t.TempDir(), nil)
		if err := s.Restore(t.Context(), records); err != nil {
			t.Fatal(err)
		}
		for g, err := range s.Groups(t.Context(), eventlog.GroupID{}, false) {
			if err != nil {
				t.Fatal(err)
			}
			if chains[g.Chain] {
				t.Fatalf("group %d has the chain of another store", g.Index)
			}
			chains[g.Chain] = true
		}
	}
}

func TestRestoreWithoutTimes(t *testing.T) {
	known := time.Unix(1_000_000_000, 5).UTC()
	event := func(position uint64, at time.Time) dcb.SequencedEvent {
		return dcb.SequencedEvent{Position: position, RecordedAt: at}
	}
	alone := dcb.SequencedEvent{Tracking: &dcb.TrackingInfo{Source: "s", Position: 1}}
	unknown := time.Time{}
	for name, c := range map[string]struct {
		records []dcb.SequencedEvent
		want    []time.Time // the zero time for that of the restore
	}{
		"no event":   {[]dcb.SequencedEvent{alone}, []time.Time{time.Unix(0, 1)}},
		"none":       {[]dcb.SequencedEvent{event(1, unknown), alone}, []time.Time{unknown, unknown}},
		"at the end": {[]dcb.SequencedEvent{event(1, known), alone}, []time.Time{known, known}},
		"at the start": {[]dcb.SequencedEvent{alone, alone, event(1, known), event(2, known.Add(1))},
			[]time.Time{known, known, known, known.Add(1)}},
		"between": {[]dcb.SequencedEvent{event(1, known), alone, event(2, known.Add(9))},
			[]time.Time{known, known, known.Add(9)}},
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, t.TempDir(), nil)
			started := time.Now()
			if err := s.Restore(t.Context(), c.records); err != nil {
				t.Fatal(err)
			}
			for i, r := range readRecords(t, s) {
				switch want := c.want[i]; {
				case !want.IsZero() && !r.RecordedAt.Equal(want):
					t.Errorf("record %d was recorded at %v, want %v", i, r.RecordedAt, want)
				case want.IsZero() && (r.RecordedAt.Before(started.Round(0)) || r.RecordedAt.After(time.Now())):
					t.Errorf("record %d was recorded at %v, and not now", i, r.RecordedAt)
				}
			}
		})
	}
}

// Tracking-only records do not tell how late the records after them may be.
func TestRestoreOfTrackingBeforeOldEvents(t *testing.T) {
	s := openStore(t, t.TempDir(), nil)
	alone := dcb.SequencedEvent{Tracking: &dcb.TrackingInfo{Source: "s", Position: 1}}
	old, recent := time.Unix(1_000_000_000, 5).UTC(), time.Unix(1_100_000_000, 0).UTC()
	for _, records := range [][]dcb.SequencedEvent{{alone}, {{Position: 1, RecordedAt: old}}, {alone}, {{Position: 2, RecordedAt: recent}}} {
		if err := s.Restore(t.Context(), records); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []time.Time{time.Unix(0, 1), old, old, recent} {
		if got := readRecords(t, s)[i].RecordedAt; !got.Equal(want) {
			t.Errorf("record %d was recorded at %v, want %v", i, got, want)
		}
	}
}

func TestRestoreRefusesImpossibleTimes(t *testing.T) {
	at := func(position uint64, at time.Time) dcb.SequencedEvent {
		return dcb.SequencedEvent{Position: position, RecordedAt: at}
	}
	noon := time.Date(2020, 1, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		records []dcb.SequencedEvent
		want    error
	}{
		"before the last commit": {[]dcb.SequencedEvent{at(2, noon.Add(-1))}, dcb.ErrIntegrity},
		"decreasing":             {[]dcb.SequencedEvent{at(2, noon.Add(2)), at(3, noon.Add(1))}, dcb.ErrIntegrity},
		"1970":                   {[]dcb.SequencedEvent{at(2, time.Unix(0, 0))}, dcb.ErrInvalidArgument},
		"far future":             {[]dcb.SequencedEvent{at(2, noon.AddDate(1000, 0, 0))}, dcb.ErrInvalidArgument},
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, t.TempDir(), nil)
			if err := s.Restore(t.Context(), []dcb.SequencedEvent{at(1, noon)}); err != nil {
				t.Fatal(err)
			}
			if err := s.Restore(t.Context(), c.records); !errors.Is(err, c.want) || !strings.Contains(err.Error(), "position") {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if head, _ := s.Head(t.Context()); head != 1 {
				t.Errorf("the store is at %d", head)
			}
		})
	}
}

func TestAppendAfterRestoreHasThePresentTime(t *testing.T) {
	s := openStore(t, t.TempDir(), nil)
	old := time.Unix(1_000_000_000, 0)
	if err := s.Restore(t.Context(), []dcb.SequencedEvent{{Position: 1, RecordedAt: old}, {Position: 2, RecordedAt: old.Add(1)}}); err != nil {
		t.Fatal(err)
	}
	started := time.Now().Round(0)
	if _, err := s.Append(t.Context(), []dcb.Event{{Type: "T"}}, nil, nil); err != nil {
		t.Fatal(err)
	}
	if at := readRecords(t, s)[2].RecordedAt; at.Before(started) {
		t.Errorf("the append has time %v", at)
	}
}

// A power cut leaves a start of the records, with their times, from which the restore can be
// continued.
func TestPowerCutDuringRestoreWithTimes(t *testing.T) {
	records := timedRecords(rand.New(rand.NewPCG(4, 5)), 60)
	for changes, over := 0, false; !over; changes++ {
		chance := rand.New(rand.NewPCG(1, uint64(changes)))
		disk := vfs.NewMem()
		power := &powerCut{left: changes}
		s, err := store.Open(crashDir, smallOptions(vfs.Observe(disk, power.before)))
		if err == nil {
			err = restoreInBatches(t.Context(), s, records, chance)
			durable, _ := s.Head(t.Context())
			image := disk.Crash(chance)
			s.Close()
			over = err == nil
			checkRestored(t, image, records, durable)
		}
		if t.Failed() {
			t.Fatalf("after %d changes", changes)
		}
	}
}

// checkRestored checks that a store has a start of the records, and restores the others.
func checkRestored(t *testing.T, disk *vfs.Mem, records []dcb.SequencedEvent, durable uint64) {
	t.Helper()
	s, err := store.Open(crashDir, smallOptions(disk))
	if err != nil {
		t.Error(err)
		return
	}
	defer s.Close()
	have := readRecords(t, s)
	if head, _ := s.Head(t.Context()); head < durable || len(have) > len(records) || !reflect.DeepEqual(have, slices.Clip(records[:len(have)])) && len(have) > 0 {
		t.Errorf("the store has %d records up to position %d, want a start with at least position %d", len(have), head, durable)
		return
	}
	if err := s.Restore(t.Context(), records[len(have):]); err != nil {
		t.Error(err)
	}
	if have = readRecords(t, s); !reflect.DeepEqual(have, records) {
		t.Error("the store differs after the restore was continued")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	mustBeValid(t, "continued", disk)
}
