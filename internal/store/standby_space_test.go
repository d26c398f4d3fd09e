package store_test

import (
	"errors"
	"log/slog"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// copyUntilFull copies groups until the standby has no space.
func copyUntilFull(t *testing.T, to *store.Standby, from *store.Store) error {
	t.Helper()
	err := copyGroups(to, from)
	if !vfs.IsFull(err) || to.FullError() == nil || !to.StandbyState().Full {
		t.Fatalf("error %v, refusal %v", err, to.FullError())
	}
	select {
	case <-to.Failed():
		t.Fatal("the standby has failed")
	default:
	}
	if err := to.Sync(); err != nil { // shows what was written before
		t.Fatal(err)
	}
	return err
}

// A standby at its limit stops before a group that does not fit, is readable, and continues
// when the limit is raised.
func TestStandbyStopsAtLimitOfDisk(t *testing.T) {
	from, disk := sourceStore(t), vfs.NewMem()
	appendTracked(t, from, 400)
	if err := startStandby(disk, from); err != nil {
		t.Fatal(err)
	}
	const limit = 60 << 10
	b, err := store.OpenStandby(standbyDir, standbyServer, &store.Options{FS: disk, BlockEvents: 1000, MaxDiskBytes: limit})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := copyUntilFull(t, b, from); !strings.Contains(err.Error(), "--max-disk") {
		t.Errorf("error %v", err)
	}
	head := mustHead(t, b.Store)
	if u := b.DiskUsage(); head < 20 || head >= 400 || u.DiskBytes() > limit {
		t.Errorf("stopped at position %d with %d bytes", head, u.DiskBytes())
	}
	if got, want := allRecordsOf(t, b.Store), allRecordsOf(t, from)[:head]; !reflect.DeepEqual(got, want) {
		t.Errorf("the standby has %d records, not the first %d of the store", len(got), len(want))
	}
	if b.AppendRefusal() != nil {
		t.Error("appends are refused for lack of space, not because it is a standby")
	}
	b.SetMaxDiskBytes(10 << 20)
	if b.FullError() != nil {
		t.Errorf("after raising the limit: %v", b.FullError())
	}
	if err := copyGroups(b, from); err != nil {
		t.Fatal(err)
	}
	if got, want := allRecordsOf(t, b.Store), allRecordsOf(t, from); !reflect.DeepEqual(got, want) {
		t.Errorf("the standby has %d records, the store %d, or they differ", len(got), len(want))
	}
}

// The file system of a standby is full at any allocation, also that of a new segment.
func TestStandbyContinuesAfterFullDisk(t *testing.T) {
	from := sourceStore(t)
	appendTracked(t, from, 300)
	for at := range 8 {
		disk, allocations, full := vfs.NewMem(), 0, atomic.Bool{}
		b := newStandby(t, vfs.Observe(disk, func(op vfs.Op) error {
			if op.Kind == "allocate" && strings.Contains(op.Name, "/log/") {
				if allocations++; allocations > at && full.Load() {
					return syscall.ENOSPC
				}
			}
			return nil
		}), from)
		full.Store(true)
		copyUntilFull(t, b, from)
		durable := mustHead(t, b.Store)
		crashed := disk.Crash(rand.New(rand.NewPCG(uint64(at), 1)))
		full.Store(false)
		if err := copyGroups(b, from); err != nil {
			t.Fatalf("allocation %d: %v", at, err)
		}
		if got, want := allRecordsOf(t, b.Store), allRecordsOf(t, from); !reflect.DeepEqual(got, want) {
			t.Errorf("allocation %d: the standby has %d records, the store %d, or they differ", at, len(got), len(want))
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		again, err := openStandby(crashed)
		if err != nil {
			t.Fatalf("allocation %d: after a crash: %v", at, err)
		}
		if head := mustHead(t, again.Store); head < durable {
			t.Errorf("allocation %d: position %d after a crash, %d was durable", at, head, durable)
		}
		if err := errors.Join(copyGroups(again, from), again.Close()); err != nil {
			t.Error(err)
		}
	}
}

// The mark is only for messages: without it, the standby follows.
func TestStandbyFollowsWhenItsMarkCannotBeWritten(t *testing.T) {
	from := sourceStore(t)
	appendTracked(t, from, 3)
	log, failing := &strings.Builder{}, atomic.Bool{}
	entered, answer := make(chan struct{}, 10), make(chan struct{})
	fsys := vfs.Observe(vfs.NewMem(), func(op vfs.Op) error {
		if op.Kind == "write" && strings.HasSuffix(op.Name, "STANDBY") && failing.Load() {
			entered <- struct{}{}
			<-answer
			return syscall.EIO
		}
		return nil
	})
	if err := startStandby(fsys, from); err != nil {
		t.Fatal(err)
	}
	b, err := store.OpenStandby(standbyDir, standbyServer, &store.Options{FS: fsys, Logger: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	b.Reached(from.LastGroup())
	failing.Store(true)
	b.AgeMark(time.Hour)
	copied := make(chan error)
	go func() { copied <- copyGroups(b, from) }()
	<-entered
	// While the disk does not answer, the state is known.
	if state := b.Metrics().Standby; !state.Connected {
		t.Errorf("state %+v", state)
	}
	close(answer)
	if err := <-copied; err != nil {
		t.Error(err)
	}
	b.AgeMark(time.Hour)
	if err := b.Sync(); err != nil {
		t.Error(err)
	}
	if head := mustHead(t, b.Store); head != 3 || strings.Count(log.String(), "mark of the standby") != 1 {
		t.Errorf("head %d, log %s", head, log)
	}
	failing.Store(false)
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

// What a standby without space lacks may not change for a long time. If its process is killed meanwhile, its
// promotion reports what is missing.
func TestPromotionOfFullStandbyReportsMissingEvents(t *testing.T) {
	from, disk := sourceStore(t), vfs.NewMem()
	appendTracked(t, from, 400)
	if err := startStandby(disk, from); err != nil {
		t.Fatal(err)
	}
	b, err := store.OpenStandby(standbyDir, standbyServer, &store.Options{FS: disk, BlockEvents: 1000, MaxDiskBytes: 60 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	b.Reached(math.MaxUint64, 400)
	copyUntilFull(t, b, from)
	b.Stopped()
	killed := vfs.NewMem()
	for _, name := range disk.Files() {
		copyBetween(t, disk, killed, name, name)
	}
	p, err := store.Promote(standbyDir, &store.Options{FS: killed})
	if err != nil || p.ServerHead != 400 || p.Known.IsZero() || p.Head >= 400 {
		t.Errorf("promotion %+v, %v", p, err)
	}
}
