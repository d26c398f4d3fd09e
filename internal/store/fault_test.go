package store_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// faults injects an error into the operations that a rule picks.
type faults struct {
	mu   sync.Mutex
	rule func(vfs.Op) error // guarded by mu
}

func (f *faults) set(rule func(vfs.Op) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rule = rule
}

func (f *faults) before(op vfs.Op) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.rule == nil {
		return nil
	}
	return f.rule(op)
}

// failing fails operations of a kind on files of a directory.
func failing(kind, dir string, err error) func(vfs.Op) error {
	return func(op vfs.Op) error {
		if op.Kind == kind && strings.HasPrefix(op.Name, filepath.Join(crashDir, dir)) {
			return err
		}
		return nil
	}
}

func faulty(t *testing.T) (*store.Store, *faults, *vfs.Mem) {
	t.Helper()
	disk, f := vfs.NewMem(), new(faults)
	s, err := store.Open(crashDir, tiny(vfs.Observe(disk, f.before)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, f, disk
}

func mustAppend(t *testing.T, s *store.Store, name string, n int) uint64 {
	t.Helper()
	position, err := s.Append(t.Context(), appends(name, n), nil, nil)
	if err != nil {
		t.Fatalf("append %s: %v", name, err)
	}
	return position
}

func count(t *testing.T, s *store.Store) int {
	t.Helper()
	events, _, err := s.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).Collect()
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return len(events)
}

func TestFailedSyncOrWriteEndsAppendingForGood(t *testing.T) {
	for _, kind := range []string{"sync", "write"} {
		t.Run(kind, func(t *testing.T) {
			s, f, disk := faulty(t)
			mustAppend(t, s, "before", 3)
			f.set(failing(kind, "log", syscall.EIO))
			if _, err := s.Append(t.Context(), appends("lost", 1), nil, nil); !errors.Is(err, dcb.ErrIO) {
				t.Fatalf("the append that met the fault: %v", err)
			}
			f.set(nil)
			if _, err := s.Append(t.Context(), appends("after", 1), nil, nil); !errors.Is(err, dcb.ErrIO) {
				t.Fatalf("an append after the fault: %v", err)
			}
			select {
			case <-s.Failed():
			default:
				t.Error("Failed is not closed")
			}
			if n := count(t, s); n != 3 {
				t.Errorf("%d events can be read instead of 3", n)
			}
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			again, err := store.Open(crashDir, tiny(disk))
			if err != nil {
				t.Fatalf("opening again: %v", err)
			}
			defer again.Close()
			if n := count(t, again); n != 3 && n != 4 {
				t.Errorf("after opening again there are %d events", n)
			}
			mustAppend(t, again, "again", 1)
		})
	}
}

func TestEverythingHeldFailsWithTheGroupItRestsOn(t *testing.T) {
	s, f, _ := faulty(t)
	release := make(chan struct{})
	f.set(func(op vfs.Op) error {
		if op.Kind != "sync" {
			return nil
		}
		<-release
		return syscall.EIO
	})
	var wg sync.WaitGroup
	condition := &dcb.AppendCondition{FailIfEventsMatch: dcb.Query{Items: []dcb.QueryItem{{Tags: []string{"one"}}}}}
	for range 8 {
		wg.Go(func() {
			if _, err := s.Append(context.Background(), appends("one", 1), condition, nil); !errors.Is(err, dcb.ErrIO) {
				t.Errorf("an append that rests on a group that failed: %v", err)
			}
		})
	}
	time.Sleep(20 * time.Millisecond)
	close(release)
	wg.Wait()
	if n := count(t, s); n != 0 {
		t.Errorf("%d events can be read", n)
	}
}

func TestWithoutSpaceAppendsAreRefusedUntilThereIsSome(t *testing.T) {
	s, f, _ := faulty(t)
	mustAppend(t, s, "before", 1)
	f.set(func(op vfs.Op) error {
		if strings.HasPrefix(op.Name, "/store/log") && (op.Kind == "allocate" || op.Kind == "create") {
			return syscall.ENOSPC
		}
		return nil
	})
	stored, refused := 1, 0
	for refused == 0 && stored < 100 {
		_, err := s.Append(t.Context(), appends("some", 2), nil, nil)
		switch {
		case err == nil:
			stored += 2
		case errors.Is(err, dcb.ErrIO) && errors.Is(err, syscall.ENOSPC):
			refused++
		default:
			t.Fatalf("without space: %v", err)
		}
	}
	if refused == 0 {
		t.Fatal("appends never needed space")
	}
	if n := count(t, s); n != stored {
		t.Errorf("%d events can be read instead of %d", n, stored)
	}
	f.set(nil)
	mustAppend(t, s, "after", 2)
	if n := count(t, s); n != stored+2 {
		t.Errorf("%d events can be read instead of %d", n, stored+2)
	}
}

func TestFailedIndexWriteFailsNoAppendUntilTooManyWait(t *testing.T) {
	s, f, disk := faulty(t)
	f.set(failing("sync", "index", syscall.EIO))
	refused := false
	for i := 0; i < 200 && !refused; i++ {
		_, err := s.Append(t.Context(), appends(fmt.Sprint(i), 2), nil, nil)
		refused = errors.Is(err, dcb.ErrIO)
		if err != nil && !refused {
			t.Fatal(err)
		}
		if refused && i < 8 {
			t.Fatalf("append %d was refused: %v", i, err)
		}
	}
	if !refused {
		t.Fatal("the index never limited appends")
	}
	f.set(nil)
	mustRecover(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustBeSound(t, "after index faults", disk)
}

// mustRecover appends as soon as the flusher, which tries less and less often,
// has found that it can write again.
func mustRecover(t *testing.T, s *store.Store) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		_, err := s.Append(t.Context(), appends("after", 1), nil, nil)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("appends did not recover: %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestDamagedEventIsNeverDelivered(t *testing.T) {
	s, _, disk := faulty(t)
	for i := range 40 {
		mustAppend(t, s, fmt.Sprint(i), 3)
	}
	flip(t, disk, "/store/log/00000000000000000001.log", 700)
	_, _, err := s.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).Collect()
	if !errors.Is(err, dcb.ErrCorruption) || !strings.Contains(err.Error(), "00000000000000000001.log") {
		t.Errorf("reading a damaged event: %v", err)
	}
}

// flip inverts one bit of a file.
func flip(t *testing.T, fs vfs.FS, name string, at int64) {
	t.Helper()
	f, err := fs.OpenWrite(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatalf("%s at %d: %v", name, at, err)
	}
	b[0] ^= 1 << (at % 8)
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
}

// A store that was closed finds every bit that is flipped in its log: at the
// opening, or else by Check and by whoever reads the event.
func TestEveryFlippedBitOfTheLogIsFound(t *testing.T) {
	s, _, disk := faulty(t)
	for i := range 12 {
		mustAppend(t, s, fmt.Sprint(i), 2)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range disk.Files() {
		if filepath.Dir(name) != "/store/log" {
			continue
		}
		for at := range size(t, disk, name) {
			flip(t, disk, name, at)
			report, err := store.Check(t.Context(), crashDir, &store.CheckOptions{Options: *tiny(disk)})
			if err == nil && len(report.Problems) == 0 {
				t.Errorf("a flipped bit in byte %d of %s was not found", at, name)
			}
			flip(t, disk, name, at)
		}
	}
	mustBeSound(t, "with all bits as they were", disk)
}

// A log that has lost its last segment is sound in itself. The index tells.
func TestLostEndOfTheLogIsFound(t *testing.T) {
	s, _, disk := faulty(t)
	for i := range 40 {
		mustAppend(t, s, fmt.Sprint(i), 3)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var last string
	for _, name := range disk.Files() {
		if filepath.Dir(name) == "/store/log" {
			last = name
		}
	}
	for range 2 { // the last segment may have nothing in the index yet
		if err := disk.Remove(last); err != nil {
			t.Fatal(err)
		}
		for _, name := range disk.Files() {
			if filepath.Dir(name) == "/store/log" {
				last = name
			}
		}
	}
	if _, err := store.Open(crashDir, tiny(disk)); !errors.Is(err, dcb.ErrCorruption) {
		t.Errorf("opening: %v", err)
	}
	report, err := store.Check(t.Context(), crashDir, &store.CheckOptions{Options: *tiny(disk)})
	if err != nil || len(report.Problems) == 0 {
		t.Errorf("checking: %v, %v", report, err)
	}
}

func TestEveryDamagedPageOfTheIndexIsBuiltAgain(t *testing.T) {
	s, _, disk := faulty(t)
	for i := range 12 {
		mustAppend(t, s, fmt.Sprint(i), 2)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// Opening builds and joins blocks, so the files are others each time.
	for page := range int64(4) {
		for _, name := range disk.Files() {
			if filepath.Dir(name) == "/store/index" && size(t, disk, name) > 4096*page {
				flip(t, disk, name, 4096*page+11*page)
				mustHeal(t, disk, fmt.Sprintf("page %d of %s", page, name))
				mustBeSound(t, name, disk)
				break
			}
		}
	}
}

// mustHeal opens a store with a damaged block, reads until nothing complains,
// and finds everything.
func mustHeal(t *testing.T, disk *vfs.Mem, name string) {
	t.Helper()
	s, err := store.Open(crashDir, tiny(disk))
	if err != nil {
		t.Errorf("%s: opening: %v", name, err)
		return
	}
	deadline := time.Now().Add(10 * time.Second)
	for i := 0; i < 12; {
		query := dcb.Query{Items: []dcb.QueryItem{{Tags: []string{fmt.Sprint(i)}}}}
		events, _, err := s.Read(t.Context(), query, dcb.ReadOptions{}).Collect()
		switch {
		case err == nil && len(events) == 2:
			i++
		case errors.Is(err, dcb.ErrCorruption) && time.Now().Before(deadline):
			time.Sleep(time.Millisecond)
		default:
			t.Errorf("%s: tag %d finds %d events, %v", name, i, len(events), err)
			i++
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("%s: closing: %v", name, err)
	}
}

func size(t *testing.T, fs vfs.FS, name string) int64 {
	t.Helper()
	f, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOptionsThatTheFormatCannotHoldAreRefused(t *testing.T) {
	for name, options := range map[string]*store.Options{
		"large events":   {Limits: dcb.Limits{EventBytes: 16 << 20}},
		"large segments": {SegmentBytes: 1 << 40},
		"negative cache": {CacheBytes: -1},
	} {
		t.Run(name, func(t *testing.T) {
			options.FS = vfs.NewMem()
			if _, err := store.Open(crashDir, options); !errors.Is(err, dcb.ErrInvalidArgument) {
				t.Errorf("opening: %v", err)
			}
		})
	}
}

func TestStoreOpensThoughItsIndexCannotBeWritten(t *testing.T) {
	s, f, disk := faulty(t)
	f.set(failing("create", "index", syscall.ENOSPC))
	for i := range 6 {
		mustAppend(t, s, fmt.Sprint(i), 2)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := store.Open(crashDir, tiny(vfs.Observe(disk, f.before)))
	if err != nil {
		t.Fatalf("opening without space for the index: %v", err)
	}
	verifyQuery(t, "without an index on disk", again, "3", 2)
	f.set(nil)
	for range 20 {
		mustRecover(t, again)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	mustBeSound(t, "afterwards", disk)
}

func TestCloseWaitsForAnotherClose(t *testing.T) {
	s, f, disk := faulty(t)
	mustAppend(t, s, "one", 1)
	begun := make(chan struct{})
	f.set(func(op vfs.Op) error {
		if op.Kind == "truncate" {
			close(begun)
			time.Sleep(20 * time.Millisecond)
		}
		return nil
	})
	go s.Close()
	<-begun
	if err := s.Close(); err != nil {
		t.Errorf("the second close: %v", err)
	}
	again, err := store.Open(crashDir, tiny(disk))
	if err != nil {
		t.Fatalf("opening what has been closed: %v", err)
	}
	again.Close()
}

func TestLostLogIsNotReplacedByANewOne(t *testing.T) {
	s, _, disk := faulty(t)
	for i := range 12 {
		mustAppend(t, s, fmt.Sprint(i), 2)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range disk.Files() {
		if filepath.Dir(name) == "/store/log" {
			if err := disk.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := store.Open(crashDir, tiny(disk)); !errors.Is(err, dcb.ErrCorruption) {
		t.Errorf("opening: %v", err)
	}
}

func TestADirectoryOfOtherFilesIsLeftAlone(t *testing.T) {
	disk := vfs.NewMem()
	if err := disk.MkdirAll("/store/log"); err != nil {
		t.Fatal(err)
	}
	if _, err := disk.Create("/store/log/precious.tmp"); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(crashDir, tiny(disk)); !errors.Is(err, dcb.ErrInvalidArgument) {
		t.Errorf("opening: %v", err)
	}
	if _, err := disk.Open("/store/log/precious.tmp"); err != nil {
		t.Errorf("the file that was there: %v", err)
	}
}
