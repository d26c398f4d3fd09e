package store_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

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
func flip(t *testing.T, fs *vfs.Mem, name string, at int64) {
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

func size(t *testing.T, fs *vfs.Mem, name string) int64 {
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
