package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

const standbyDir, standbyServer = "/standby", "http://server:50051"

// sourceStore opens a store with small segments and blocks.
func sourceStore(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open("/store", &store.Options{FS: vfs.NewMem(), SegmentBytes: 4 << 10, BlockEvents: 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// appendTracked appends n events, each in a group and with tracking.
func appendTracked(t *testing.T, s *store.Store, n int) {
	t.Helper()
	head, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(n) {
		event := dcb.Event{Type: "T", Tags: []string{fmt.Sprint("n:", head+i+1)}, Data: make([]byte, 50)}
		if _, err := s.Append(t.Context(), []dcb.Event{event}, nil, &dcb.TrackingInfo{Source: "web", Position: head + i + 1}); err != nil {
			t.Fatal(err)
		}
	}
}

// startStandby copies the first group of a store to a directory, and marks it.
func startStandby(disk vfs.FS, from *store.Store) error {
	if err := disk.MkdirAll(standbyDir + "/log"); err != nil {
		return err
	}
	dir, err := disk.OpenDir(standbyDir + "/log")
	if err != nil {
		return err
	}
	defer dir.Close()
	r, err := eventlog.OpenReceiver(dir)
	if err != nil {
		return err
	}
	for g, err := range from.Groups(context.Background(), r.Tail().ID(), false) {
		if err == nil {
			err = r.Write(&g)
		}
		if err != nil {
			return errors.Join(err, r.Close())
		}
		break
	}
	return errors.Join(r.Close(), store.MarkStandby(disk, standbyDir, standbyServer))
}

// openStandby opens the standby on a disk.
func openStandby(disk vfs.FS) (*store.Standby, error) {
	return store.OpenStandby(standbyDir, standbyServer, &store.Options{FS: disk, BlockEvents: 20})
}

// copyGroups copies what the standby does not have, and syncs after every few groups.
func copyGroups(to *store.Standby, from *store.Store) error {
	n := 0
	for g, err := range from.Groups(context.Background(), to.Tail().ID(), false) {
		if err == nil {
			err = to.Write(&g)
		}
		if n++; err == nil && n%3 == 0 {
			err = to.Sync()
		}
		if err != nil {
			return err
		}
	}
	return to.Sync()
}

func newStandby(t *testing.T, disk vfs.FS, from *store.Store) *store.Standby {
	t.Helper()
	if err := startStandby(disk, from); err != nil {
		t.Fatal(err)
	}
	b, err := openStandby(disk)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func TestStandbyIsReadWhileItFollows(t *testing.T) {
	from := sourceStore(t)
	appendTracked(t, from, 3)
	b := newStandby(t, vfs.NewMem(), from)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	subscribed := make(chan uint64, 200)
	go func() {
		for e, err := range b.Subscribe(ctx, dcb.Query{Items: []dcb.QueryItem{{Types: []string{"T"}}}}, 0) {
			if err != nil {
				return
			}
			subscribed <- e.Position
		}
	}()
	for range 3 {
		if err := copyGroups(b, from); err != nil {
			t.Fatal(err)
		}
		if got, want := allRecordsOf(t, b.Store), allRecordsOf(t, from); !reflect.DeepEqual(got, want) {
			t.Fatalf("the standby has %d records, the store %d, or they differ", len(got), len(want))
		}
		store.MustHaveTimes(t, b.Store)
		wantLayout(t, b.Store)
		head, _ := from.Head(t.Context())
		tag := fmt.Sprint("n:", head)
		events, _, err := b.Read(t.Context(), dcb.Query{Items: []dcb.QueryItem{{Tags: []string{tag}}}}, dcb.ReadOptions{}).Collect()
		if err != nil || len(events) != 1 || events[0].Position != head {
			t.Errorf("reading %s: %v, %v", tag, events, err)
		}
		if position, _, err := b.GetTrackingInfo(t.Context(), "web"); err != nil || position != head {
			t.Errorf("tracking: %d, %v", position, err)
		}
		appendTracked(t, from, 40)
	}
	for want := uint64(1); want <= 83; want++ {
		if got := <-subscribed; got != want {
			t.Fatalf("subscribed to %d instead of %d", got, want)
		}
	}
	if _, err := b.Append(t.Context(), []dcb.Event{{Type: "T"}}, nil, nil); !errors.Is(err, dcb.ErrIO) || !strings.Contains(err.Error(), "standby of "+standbyServer) {
		t.Errorf("appending: %v", err)
	}
}

func allRecordsOf(t *testing.T, s *store.Store) (all []dcb.SequencedEvent) {
	t.Helper()
	for r, err := range s.Records(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// What is not durable at the standby is not visible there.
func TestStandbyShowsOnlyDurableGroups(t *testing.T) {
	from := sourceStore(t)
	appendTracked(t, from, 1)
	b := newStandby(t, vfs.NewMem(), from)
	appendTracked(t, from, 1)
	for g, err := range from.Groups(t.Context(), b.Tail().ID(), false) {
		if err == nil {
			err = b.Write(&g)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	position, _, err := b.GetTrackingInfo(t.Context(), "web")
	if head, _ := b.Head(t.Context()); head != 1 || position != 1 || err != nil {
		t.Errorf("before the sync: head %d, tracking %d, %v", head, position, err)
	}
	if err := b.Sync(); err != nil {
		t.Fatal(err)
	}
	position, _, err = b.GetTrackingInfo(t.Context(), "web")
	if head, _ := b.Head(t.Context()); head != 2 || position != 2 || err != nil {
		t.Errorf("after the sync: head %d, tracking %d, %v", head, position, err)
	}
}

func TestStandbyState(t *testing.T) {
	from := sourceStore(t)
	appendTracked(t, from, 3)
	b := newStandby(t, vfs.NewMem(), from)
	if s := b.StandbyState(); s.Connected || s.Lag == 0 || s.Server != standbyServer {
		t.Errorf("before the first contact: %+v", s)
	}
	b.Reached(from.LastGroup())
	if s := b.Metrics().Standby; !s.Connected || s.Missing != 2 || s.Head != 3 || s.Lag == 0 {
		t.Errorf("missing: %+v", s)
	}
	if err := copyGroups(b, from); err != nil {
		t.Fatal(err)
	}
	if s := b.StandbyState(); s.Missing != 0 || s.Lag != 0 {
		t.Errorf("level: %+v", s)
	}
	b.Lost()
	if s := b.StandbyState(); s.Connected || s.Lag == 0 {
		t.Errorf("lost: %+v", s)
	}
	if s := from.StandbyState(); s != nil {
		t.Errorf("the store has %+v", s)
	}
}

func TestStandbyIsOpenedForWritingOnlyAfterPromotion(t *testing.T) {
	from, disk := sourceStore(t), vfs.NewMem()
	appendTracked(t, from, 30)
	b := newStandby(t, disk, from)
	b.Reached(from.LastGroup())
	if err := copyGroups(b, from); err != nil {
		t.Fatal(err)
	}
	options := &store.Options{FS: disk}
	if _, err := store.Promote(standbyDir, options); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("promoting a standby that is open: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(standbyDir, options); !errors.Is(err, store.ErrStandby) || !strings.Contains(err.Error(), "umadb promote") {
		t.Errorf("opening it for writing: %v", err)
	}
	reader, err := store.Open(standbyDir, &store.Options{FS: disk, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if head, err := reader.Head(t.Context()); head != 30 || err != nil {
		t.Errorf("read-only: %d, %v", head, err)
	}
	if err := reader.Close(); err != nil {
		t.Error(err)
	}
	p, err := store.Promote(standbyDir, options)
	if err != nil || p.Head != 30 || p.LastCommit.IsZero() || p.Server != standbyServer || p.ServerHead != 30 || p.Known.IsZero() {
		t.Errorf("promoted: %+v, %v", p, err)
	}
	if _, err := store.Promote(standbyDir, options); !errors.Is(err, dcb.ErrInvalidArgument) {
		t.Errorf("promoted again: %v", err)
	}
	if _, err := openStandby(disk); !errors.Is(err, dcb.ErrInvalidArgument) {
		t.Errorf("opened as a standby: %v", err)
	}
	s, err := store.Open(standbyDir, options)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if position, err := s.Append(t.Context(), []dcb.Event{{Type: "T"}}, nil, nil); position != 31 || err != nil {
		t.Errorf("appended: %d, %v", position, err)
	}
}

// A mark that cannot be read is a mark.
func TestUnreadableMarkIsAMark(t *testing.T) {
	from, disk := sourceStore(t), vfs.NewMem()
	appendTracked(t, from, 3)
	if err := startStandby(disk, from); err != nil {
		t.Fatal(err)
	}
	root, err := disk.OpenDir(standbyDir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	f, err := root.Create("STANDBY")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	options := &store.Options{FS: disk}
	if _, err := store.Open(standbyDir, options); !errors.Is(err, store.ErrStandby) {
		t.Errorf("opened: %v", err)
	}
	if p, err := store.Promote(standbyDir, options); err != nil || !p.Known.IsZero() {
		t.Errorf("promoted: %+v, %v", p, err)
	}
}

// stages are what happens to a standby until it is an ordinary store.
func stages(disk vfs.FS, from *store.Store) error {
	marked, err := store.IsStandby(disk, standbyDir)
	if err == nil && !marked {
		err = startStandby(disk, from)
	}
	if err != nil {
		return err
	}
	b, err := openStandby(disk)
	if err != nil {
		return err
	}
	if err := errors.Join(copyGroups(b, from), b.Close()); err != nil {
		return err
	}
	_, err = store.Promote(standbyDir, &store.Options{FS: disk})
	return err
}

// Power is lost at every moment of copying, marking and promoting. Until the promotion has
// removed the mark, the directory opens as a standby that continues; afterwards it opens
// as a store with everything.
func TestStandbySurvivesPowerCuts(t *testing.T) {
	from := sourceStore(t)
	appendTracked(t, from, 8)
	cut := errors.New("power cut")
	promoted := 0
	for moment, over := 1, false; !over; moment++ {
		for seed := range uint64(4) {
			disk, done := vfs.NewMem(), atomic.Int64{}
			err := stages(vfs.Observe(disk, func(vfs.Op) error {
				if done.Add(1) >= int64(moment) {
					return cut
				}
				return nil
			}), from)
			over = err == nil
			disk = disk.Crash(rand.New(rand.NewPCG(seed, uint64(moment))))
			s, err := store.Open(standbyDir, &store.Options{FS: disk, MustExist: true})
			if over && err != nil {
				t.Fatalf("seed %d: after the promotion: %v", seed, err)
			}
			if errors.Is(err, store.ErrStandby) || err != nil && !over && !wasMarked(t, disk) {
				if err := stages(disk, from); err != nil {
					t.Fatalf("moment %d, seed %d: continuing: %v", moment, seed, err)
				}
				s, err = store.Open(standbyDir, &store.Options{FS: disk})
			} else if err == nil && mustHead(t, s) == 8 {
				promoted++
			}
			if err != nil {
				t.Fatalf("moment %d, seed %d: %v", moment, seed, err)
			}
			if head := mustHead(t, s); head != 8 && head != 1 && head != 0 {
				t.Errorf("moment %d, seed %d: head %d", moment, seed, head)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	if promoted == 0 {
		t.Error("no store was found promoted")
	}
}

func wasMarked(t *testing.T, disk vfs.FS) bool {
	t.Helper()
	marked, err := store.IsStandby(disk, standbyDir)
	if err != nil {
		t.Fatal(err)
	}
	return marked
}

func mustHead(t *testing.T, s *store.Store) uint64 {
	t.Helper()
	head, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return head
}
