package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
)

// restoring is a store whose first commit is in flight while a restore is submitted.
type restoring struct {
	store    *Store
	disk     *slowDisk
	inFlight chan error
	restored chan error
}

// restoreDuring starts a commit, others while it is in flight, and then a restore that does not
// see them when it starts.
func restoreDuring(t *testing.T, commits []func(*Store) error, records []dcb.SequencedEvent) *restoring {
	t.Helper()
	r := &restoring{inFlight: make(chan error, len(commits)), restored: make(chan error, 1)}
	r.store, r.disk = newSlowStore(t)
	r.disk.stop()
	pending := func(n int) func() bool {
		return func() bool {
			return r.store.pipeline.queue.pending.Load() == int64(n) && len(r.store.pipeline.queue.small) == 0
		}
	}
	for i, commit := range commits {
		go func() { r.inFlight <- commit(r.store) }()
		if i == 0 {
			<-r.disk.waiting
		}
		eventually(t, "the commit is decided", pending(i+1))
	}
	go func() { r.restored <- r.store.Restore(context.Background(), records) }()
	eventually(t, "the restore is submitted", func() bool { return r.store.pipeline.queue.pending.Load() == int64(len(commits)+1) })
	r.disk.resume()
	for range commits {
		if err := <-r.inFlight; err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// trackAlone appends tracking without an event.
func trackAlone(source string) func(*Store) error {
	return func(s *Store) error {
		_, err := s.Append(context.Background(), nil, nil, &dcb.TrackingInfo{Source: source, Position: 1})
		return err
	}
}

func TestRestoreDoesNotKeepLargeBuffers(t *testing.T) {
	records := make([]dcb.SequencedEvent, 2*keptParts)
	for i := range records {
		records[i] = dcb.SequencedEvent{Position: uint64(i + 1), RecordedAt: time.Unix(int64(i+1), 0)}
	}
	s, _ := newSlowStore(t)
	if err := s.Restore(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil { // ends the writer
		t.Fatal(err)
	}
	w := s.pipeline.writer
	for _, g := range []*group{w.open.group, w.idle} {
		if cap(g.parts) > keptParts {
			t.Errorf("the parts of a group take %d entries, want at most %d", cap(g.parts), keptParts)
		}
	}
}

func TestRestoreComparesTimesWithCommitsInFlight(t *testing.T) {
	noon := time.Date(2001, 2, 3, 12, 0, 0, 0, time.UTC)
	at := func(position uint64, at time.Time) dcb.SequencedEvent {
		return dcb.SequencedEvent{Position: position, RecordedAt: at}
	}
	restore := func(records ...dcb.SequencedEvent) func(*Store) error {
		return func(s *Store) error { return s.Restore(context.Background(), records) }
	}
	for name, c := range map[string]struct {
		commits []func(*Store) error
		record  dcb.SequencedEvent
		fails   bool
	}{
		"append in flight":           {[]func(*Store) error{trackAlone("a")}, at(1, noon), true},
		"append in the open group":   {[]func(*Store) error{trackAlone("a"), trackAlone("b")}, at(1, noon), true},
		"later restore":              {[]func(*Store) error{restore(at(1, noon.Add(1)))}, at(2, noon), true},
		"restore at the same time":   {[]func(*Store) error{restore(at(1, noon))}, at(2, noon), false},
		"ahead of the appends":       {[]func(*Store) error{trackAlone("a"), trackAlone("b")}, at(1, time.Now().Add(time.Hour)), false},
		"tracking without its time":  {[]func(*Store) error{trackAlone("a")}, dcb.SequencedEvent{Tracking: &dcb.TrackingInfo{Source: "c", Position: 1}}, false},
		"tracking with an old time":  {[]func(*Store) error{trackAlone("a")}, dcb.SequencedEvent{Tracking: &dcb.TrackingInfo{Source: "c", Position: 1}, RecordedAt: noon}, true},
		"event without its own time": {[]func(*Store) error{trackAlone("a"), trackAlone("b")}, at(1, time.Time{}), false},
	} {
		t.Run(name, func(t *testing.T) {
			r := restoreDuring(t, c.commits, []dcb.SequencedEvent{c.record})
			if err := <-r.restored; errors.Is(err, dcb.ErrIntegrity) != c.fails || err != nil && !c.fails {
				t.Fatalf("the restore returned %v", err)
			}
			if c.fails || c.record.RecordedAt.IsZero() {
				return
			}
			if head, err := r.store.PositionAt(t.Context(), c.record.RecordedAt); err != nil || head != c.record.Position {
				t.Errorf("position %d, error %v", head, err)
			}
			closes := 0
			for g, err := range r.store.Groups(t.Context(), eventlog.GroupID{}, false) {
				if err != nil {
					t.Fatal(err)
				}
				if g.Kind == eventlog.KindClose {
					closes++
				}
			}
			if closes > 1 {
				t.Errorf("there are %d clean-close records", closes)
			}
		})
	}
}
