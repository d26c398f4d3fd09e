package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// observer is a read-only store that verifies what it reads beside a writer: a prefix of the
// log that never changes and only grows.
type observer struct {
	t     *testing.T
	store *store.Store
	names []string // of the append of each event, by position
}

// newObserver opens a store that another store or process may have open.
func newObserver(t *testing.T, dir string, options *store.Options) *observer {
	t.Helper()
	reading := *options
	reading.ReadOnly = true
	s, err := store.Open(dir, &reading)
	if err != nil {
		t.Errorf("opening beside the writer: %v", err)
		return nil
	}
	return &observer{t: t, store: s}
}

// read reads the events after the last one that was read, and a random part of those before.
// It reports whether it succeeded.
func (o *observer) read(chance *rand.Rand) bool {
	ctx := context.Background()
	start := uint64(len(o.names) + 1)
	events, head, err := o.store.Read(ctx, dcb.Query{}, dcb.ReadOptions{Start: &start}).Collect()
	if err != nil {
		o.t.Errorf("reading from %d: %v", start, err)
		return false
	}
	for _, e := range events {
		if e.Position != uint64(len(o.names)+1) {
			o.t.Errorf("position %d follows %d", e.Position, len(o.names))
			return false
		}
		o.names = append(o.names, e.Event.Tags[0])
	}
	if head != uint64(len(o.names)) {
		o.t.Errorf("the head is %d after %d events", head, len(o.names))
		return false
	}
	return len(o.names) == 0 || o.readAgain(ctx, chance)
}

// readTo reads until an event is read. On a busy machine its announcement may be late.
func (o *observer) readTo(position uint64, chance *rand.Rand) {
	for deadline := time.Now().Add(time.Minute); o.read(chance) && uint64(len(o.names)) < position && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
}

// mustReach waits until a reader has an event. On a busy machine its announcement may be late.
func mustReach(t *testing.T, s *store.Store, position uint64) {
	t.Helper()
	var err error
	for range 6 { // each waits for 10 s at most
		if err = s.WaitFor(t.Context(), position); !errors.Is(err, dcb.ErrTransport) {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// last returns the greatest acknowledged position.
func (j *journal) last() (last uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, position := range j.acked {
		last = max(last, position)
	}
	return last
}

// readAgain reads a range that was read before, and one append by its tag.
func (o *observer) readAgain(ctx context.Context, chance *rand.Rand) bool {
	start, limit := uint64(1+chance.IntN(len(o.names))), uint32(200)
	events, _, err := o.store.Read(ctx, dcb.Query{}, dcb.ReadOptions{Start: &start, Limit: &limit, Backwards: true}).Collect()
	for _, e := range events {
		if err == nil && e.Event.Tags[0] != o.names[e.Position-1] {
			err = fmt.Errorf("position %d had %s and has %s", e.Position, o.names[e.Position-1], e.Event.Tags[0])
		}
	}
	name := o.names[start-1]
	query := dcb.Query{Items: []dcb.QueryItem{{Tags: []string{name}}}}
	tagged, _, tagErr := o.store.Read(ctx, query, dcb.ReadOptions{}).Collect()
	found := false
	for _, e := range tagged {
		found = found || e.Position == start
	}
	if tagErr == nil && !found {
		tagErr = fmt.Errorf("the query for tag %s does not return position %d", name, start)
	}
	if err := errors.Join(err, tagErr); err != nil {
		o.t.Errorf("reading again from %d: %v", start, err)
		return false
	}
	return true
}

// verifyIn verifies that a store contains everything that was read.
func (o *observer) verifyIn(name string, s *store.Store) {
	o.t.Helper()
	events, _, err := s.Read(context.Background(), dcb.Query{}, dcb.ReadOptions{}).Collect()
	if err != nil {
		o.t.Errorf("%s: %v", name, err)
		return
	}
	for i, seen := range o.names {
		if i >= len(events) {
			o.t.Errorf("%s: %d events were read, and %d are left", name, len(o.names), len(events))
			return
		}
		if events[i].Event.Tags[0] != seen {
			o.t.Errorf("%s: position %d had %s and has %s", name, i+1, seen, events[i].Event.Tags[0])
			return
		}
	}
}

// What a reader has read survives every power cut, also what was written and not synced.
func TestWhatReadersReadSurvivesPowerCut(t *testing.T) {
	chance := rand.New(rand.NewPCG(3, 4))
	read := 0
	for n := range 150 {
		disk := vfs.NewMem()
		s, err := store.Open(crashDir, smallOptions(disk)) // so that there is a store
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		name := fmt.Sprintf("power cut %d", n)
		power := &powerCut{left: chance.IntN(400)}
		o := newObserver(t, crashDir, smallOptions(disk))
		if o == nil {
			return
		}
		// Announcements continue: without them the last acknowledged append may not be read.
		s, err = store.Open(crashDir, smallOptions(vfs.Observe(disk, func(op vfs.Op) error {
			if strings.HasSuffix(op.Name, "/HEAD") {
				return nil
			}
			return power.before(op)
		})))
		j := &journal{acked: map[string]uint64{}}
		var writing, reading sync.WaitGroup
		if err == nil {
			writing.Go(func() { runWorkload(s, "writer", j) })
		}
		done := make(chan struct{})
		reading.Go(func() {
			chance := rand.New(rand.NewPCG(5, uint64(n)))
			for o.read(chance) {
				select {
				case <-done:
					return
				default:
				}
			}
		})
		writing.Wait()
		close(done)
		reading.Wait()
		o.readTo(j.last(), chance)
		image := disk.Crash(chance)
		if err == nil {
			s.Close()
		}
		o.store.Close()
		for acked, position := range j.acked {
			if position > uint64(len(o.names)) {
				t.Errorf("%s: %s was acknowledged at %d, and is not read, only %d", name, acked, position, len(o.names))
			}
		}
		after, err := store.Open(crashDir, smallOptions(image))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		o.verifyIn(name, after)
		after.Close()
		read += len(o.names)
		if t.Failed() {
			return
		}
	}
	if read == 0 {
		t.Error("the readers have read nothing")
	}
	t.Logf("%d events were read", read)
}

// Readers beside a process that is killed and restarted see a prefix that only grows, while
// segments are rolled and blocks are written and compacted.
func TestReadersBesideKilledProcesses(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(dir, killOptions())
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	done := make(chan struct{})
	var reading sync.WaitGroup
	var observers []*observer
	for i := range 3 {
		o := newObserver(t, dir, killOptions())
		if o == nil {
			return
		}
		defer o.store.Close()
		observers = append(observers, o)
		reading.Go(func() {
			chance := rand.New(rand.NewPCG(6, uint64(i)))
			for o.read(chance) {
				select {
				case <-done:
					return
				default:
				}
				if i == 0 { // opened again and again
					o.store.Close()
					again := newObserver(t, dir, killOptions())
					if again == nil {
						return
					}
					o.store = again.store
				}
			}
		})
	}
	acked := map[string]uint64{}
	for range *kills {
		for name, position := range killProcess(t, dir) {
			acked[name] = position
		}
	}
	s, err = store.Open(dir, killOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	close(done)
	reading.Wait()
	head, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range observers {
		o.verifyIn(fmt.Sprintf("reader %d", i), s)
		if o.read(rand.New(rand.NewPCG(7, 7))); uint64(len(o.names)) != head {
			t.Errorf("reader %d ends at %d, the log at %d", i, len(o.names), head)
		}
		for name, position := range acked {
			if o.names[position-1] != name {
				t.Errorf("reader %d: %s was acknowledged at %d, where it has read %s", i, name, position, o.names[position-1])
			}
		}
	}
	t.Logf("%d events, %d kills", head, *kills)
}
