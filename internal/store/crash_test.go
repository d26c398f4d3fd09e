package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

const crashDir = "/store"

var errPower = errors.New("power cut")

// powerCut permits a number of changes to the file system, and none afterwards.
type powerCut struct {
	mu   sync.Mutex
	left int // guarded by mu; negative if unlimited
	seen int // guarded by mu
}

func (p *powerCut) before(op vfs.Op) error {
	switch op.Kind {
	case "read", "open", "openwrite", "opendir", "list", "lock", "lockdir", "checkpath":
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left == 0 {
		return errPower
	}
	p.left--
	p.seen++
	return nil
}

// journal records the acknowledged appends of a workload.
type journal struct {
	mu    sync.Mutex
	acked map[string]uint64 // from the name of an append to its position; guarded by mu
}

func (j *journal) ack(name string, position uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.acked[name] = position
}

func smallOptions(fs vfs.FS) *store.Options {
	return &store.Options{FS: fs, SegmentBytes: 1500, BlockEvents: 2, CacheBytes: 64 << 10}
}

// newEvents returns the events of one append. Each contains the name of the append and
// the number of its events.
func newEvents(name string, n int) []dcb.Event {
	events := make([]dcb.Event, n)
	for i := range events {
		events[i] = dcb.Event{Type: fmt.Sprintf("of %d", n), Tags: []string{name, "all"}, Data: make([]byte, 17*i)}
	}
	return events
}

// runWorkload appends until the power is cut: events alone, with a condition, with
// tracking, and tracking only. It restores some of them.
func runWorkload(s *store.Store, writer string, j *journal) {
	ctx := context.Background()
	for i := range 30 {
		name := fmt.Sprintf("%s-%d", writer, i)
		var condition *dcb.AppendCondition
		var tracking *dcb.TrackingInfo
		if i%3 == 1 {
			condition = &dcb.AppendCondition{FailIfEventsMatch: dcb.Query{Items: []dcb.QueryItem{{Tags: []string{name}}}}}
		}
		if i%4 >= 2 {
			tracking = &dcb.TrackingInfo{Source: writer, Position: uint64(i)}
		}
		n := i % 5
		if n == 0 && tracking == nil {
			n = 1
		}
		if i%6 == 5 && n > 0 {
			restored, err := restoreEvents(ctx, s, newEvents(name, n), tracking)
			if err == nil {
				j.ack(name, restored)
			} else if !errors.Is(err, dcb.ErrIntegrity) { // another writer was faster
				return
			}
			continue
		}
		position, err := s.Append(ctx, newEvents(name, n), condition, tracking)
		if err != nil {
			return
		}
		j.ack(name, position)
	}
}

// restoreEvents writes events as those of another store, with their tracking, and also
// with the same tracking before them.
func restoreEvents(ctx context.Context, s *store.Store, events []dcb.Event, tracking *dcb.TrackingInfo) (uint64, error) {
	head, err := s.Head(ctx)
	if err != nil {
		return 0, err
	}
	var records []dcb.SequencedEvent
	if tracking != nil {
		records = append(records, dcb.SequencedEvent{Tracking: tracking})
	}
	for _, event := range events {
		head++
		records = append(records, dcb.SequencedEvent{Position: head, Event: event, Tracking: tracking})
	}
	return head, s.Restore(ctx, records)
}

// runUntilPowerCut runs the workload of some writers and cuts the power after a number
// of changes. It returns the disk after the crash, the acknowledged appends, and the
// number of changes made.
func runUntilPowerCut(changes, writers int, chance *rand.Rand) (*vfs.Mem, *journal, int) {
	disk := vfs.NewMem()
	power := &powerCut{left: changes}
	j := &journal{acked: map[string]uint64{}}
	s, err := store.Open(crashDir, smallOptions(vfs.Observe(disk, power.before)))
	if err == nil {
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() { runWorkload(s, fmt.Sprintf("writer%d", w), j) })
		}
		wg.Wait()
	}
	// Take the image before Close changes anything.
	image := disk.Crash(chance)
	if err == nil {
		s.Close()
	}
	return image, j, power.seen
}

func TestPowerCutAtEveryChange(t *testing.T) {
	for _, writers := range []int{1, 4} {
		t.Run(fmt.Sprintf("writers=%d", writers), func(t *testing.T) {
			chance := rand.New(rand.NewPCG(1, uint64(writers)))
			_, _, changes := runUntilPowerCut(-1, writers, chance)
			if changes < 100 {
				t.Fatalf("the workload makes %d changes, want at least 100", changes)
			}
			for n := range changes + 1 {
				image, j, _ := runUntilPowerCut(n, writers, chance)
				verifySurvivor(t, fmt.Sprintf("cut after %d of %d changes", n, changes), image, j, chance)
				if t.Failed() {
					return
				}
			}
		})
	}
}

// verifySurvivor verifies the store that a crash left, in one case of three after more
// crashes during recovery.
func verifySurvivor(t *testing.T, name string, image *vfs.Mem, j *journal, chance *rand.Rand) {
	t.Helper()
	for chance.IntN(3) == 0 {
		power := &powerCut{left: chance.IntN(12)}
		if s, err := store.Open(crashDir, smallOptions(vfs.Observe(image, power.before))); err == nil {
			defer s.Close()
		}
		image = image.Crash(chance)
	}
	s, err := store.Open(crashDir, smallOptions(image))
	if err != nil {
		t.Errorf("%s: opening: %v", name, err)
		return
	}
	verifyContent(t, name, s, j)
	if _, err := s.Append(t.Context(), newEvents("after", 2), nil, nil); err != nil {
		t.Errorf("%s: appending after recovery: %v", name, err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("%s: closing: %v", name, err)
	}
	mustBeValid(t, name, image)
}

// verifyContent compares the stored events with the acknowledged appends.
func verifyContent(t *testing.T, name string, s *store.Store, j *journal) {
	t.Helper()
	events, head, err := s.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).Collect()
	if err != nil || head != uint64(len(events)) {
		t.Errorf("%s: reading: %d events, head %d, %v", name, len(events), head, err)
		return
	}
	last := map[string]uint64{}  // position of an append's last event
	count := map[string]int{}    // number of its events
	size := map[string]string{}  // event type, which contains the expected number
	sources := map[string]bool{} // sources found
	for i, e := range events {
		if e.Position != uint64(i+1) {
			t.Errorf("%s: position %d, want %d", name, e.Position, i+1)
		}
		tag := e.Event.Tags[0]
		last[tag], size[tag] = e.Position, e.Event.Type
		count[tag]++
		if e.Tracking != nil {
			sources[e.Tracking.Source] = true
			verifyTracking(t, name, s, e.Tracking)
		}
	}
	for tag, n := range count {
		if size[tag] != fmt.Sprintf("of %d", n) {
			t.Errorf("%s: append %s %s has %d events", name, tag, size[tag], n)
		}
		verifyQuery(t, name, s, tag, n)
	}
	for tag, position := range j.acked {
		if position != last[tag] {
			t.Errorf("%s: append %s was acknowledged at %d and is at %d", name, tag, position, last[tag])
		}
	}
}

func verifyTracking(t *testing.T, name string, s *store.Store, info *dcb.TrackingInfo) {
	t.Helper()
	recorded, known, err := s.GetTrackingInfo(t.Context(), info.Source)
	if err != nil || !known || recorded < info.Position {
		t.Errorf("%s: tracking of %s is (%d, %v, %v), an event has %d", name, info.Source, recorded, known, err, info.Position)
	}
}

func verifyQuery(t *testing.T, name string, s *store.Store, tag string, n int) {
	t.Helper()
	query := dcb.Query{Items: []dcb.QueryItem{{Tags: []string{tag, "all"}}}}
	for _, backwards := range []bool{false, true} {
		events, _, err := s.Read(t.Context(), query, dcb.ReadOptions{Backwards: backwards}).Collect()
		if err != nil || len(events) != n {
			t.Errorf("%s: the query for tag %s returns %d events, want %d, error %v", name, tag, len(events), n, err)
		}
	}
}

// mustBeValid verifies all invariants of a closed store.
func mustBeValid(t interface {
	Helper()
	Errorf(string, ...any)
}, name string, fs vfs.FS) {
	t.Helper()
	report, err := store.Check(context.Background(), crashDir, &store.CheckOptions{Options: *smallOptions(fs)})
	if err != nil {
		t.Errorf("%s: checking: %v", name, err)
		return
	}
	for _, p := range report.Problems {
		t.Errorf("%s: %s at %d: %s", name, p.File, p.Offset, p.What)
	}
}
