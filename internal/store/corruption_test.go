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

func TestCorruptEventIsNotReturned(t *testing.T) {
	s, _, disk := newFaultyStore(t)
	for i := range 40 {
		mustAppend(t, s, fmt.Sprint(i), 3)
	}
	flipBit(t, disk, "/store/log/00000000000000000001.log", 700)
	_, _, err := s.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).Collect()
	if !errors.Is(err, dcb.ErrCorruption) || !strings.Contains(err.Error(), "00000000000000000001.log") {
		t.Errorf("reading a corrupt event: %v", err)
	}
}

// flipBit inverts one bit of a file.
func flipBit(t *testing.T, fs *vfs.Mem, name string, at int64) {
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

// newClosedStore returns the disk of a store that was closed after 12 appends of 2 events.
func newClosedStore(t *testing.T) *vfs.Mem {
	t.Helper()
	s, _, disk := newFaultyStore(t)
	for i := range 12 {
		mustAppend(t, s, fmt.Sprint(i), 2)
	}
	mustSettle(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return disk
}

// In the log of a closed store, every flipped bit is found.
func TestCheckFindsEveryFlippedBitOfLog(t *testing.T) {
	disk := newClosedStore(t)
	for _, name := range disk.Files() {
		if filepath.Dir(name) != "/store/log" {
			continue
		}
		for at := range fileSize(t, disk, name) {
			flipBit(t, disk, name, at)
			report, err := store.Check(t.Context(), crashDir, &store.CheckOptions{Options: *smallOptions(disk)})
			if err == nil && len(report.Problems) == 0 {
				t.Errorf("a flipped bit in byte %d of %s was not found", at, name)
			}
			flipBit(t, disk, name, at)
		}
	}
	mustBeValid(t, "with the original bits", disk)
}

// A log without its last segment is valid on its own. The index shows the loss.
func TestLostEndOfLogIsDetected(t *testing.T) {
	s, _, disk := newFaultyStore(t)
	for i := range 40 {
		mustAppend(t, s, fmt.Sprint(i), 3)
	}
	mustSettle(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var last string
	for _, name := range disk.Files() {
		if filepath.Dir(name) == "/store/log" {
			last = name
		}
	}
	for range 2 { // the index may not cover the last segment yet
		if err := disk.Remove(last); err != nil {
			t.Fatal(err)
		}
		for _, name := range disk.Files() {
			if filepath.Dir(name) == "/store/log" {
				last = name
			}
		}
	}
	if _, err := store.Open(crashDir, smallOptions(disk)); !errors.Is(err, dcb.ErrCorruption) {
		t.Errorf("opening: %v", err)
	}
	report, err := store.Check(t.Context(), crashDir, &store.CheckOptions{Options: *smallOptions(disk)})
	if err != nil || len(report.Problems) == 0 {
		t.Errorf("checking: %v, %v", report, err)
	}
}

func TestCorruptIndexPageIsRebuilt(t *testing.T) {
	disk := newClosedStore(t)
	// Open rebuilds and compacts blocks, so the files differ each time.
	for page := range int64(5) {
		for _, name := range disk.Files() {
			if filepath.Dir(name) == "/store/index" && fileSize(t, disk, name) > 4096*page {
				flipBit(t, disk, name, 4096*page+11*page)
				mustRebuildBlock(t, disk, fmt.Sprintf("page %d of %s", page, name))
				mustBeValid(t, name, disk)
				break
			}
		}
	}
}

// mustRebuildBlock opens a store with a corrupt block, and reads until the block is
// rebuilt and all events are found.
func mustRebuildBlock(t *testing.T, disk *vfs.Mem, name string) {
	t.Helper()
	s, err := store.Open(crashDir, smallOptions(disk))
	if err != nil {
		t.Errorf("%s: opening: %v", name, err)
		return
	}
	deadline := time.Now().Add(time.Minute)
	for i := 0; i < 12; {
		query := dcb.Query{Items: []dcb.QueryItem{{Tags: []string{fmt.Sprint(i)}}}}
		events, _, err := s.Read(t.Context(), query, dcb.ReadOptions{}).Collect()
		switch {
		case err == nil && len(events) == 2:
			i++
		case errors.Is(err, dcb.ErrCorruption) && time.Now().Before(deadline):
			time.Sleep(time.Millisecond)
		default:
			t.Errorf("%s: the query for tag %d returns %d events, error %v", name, i, len(events), err)
			i++
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("%s: closing: %v", name, err)
	}
}

func fileSize(t *testing.T, fs *vfs.Mem, name string) int64 {
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

func TestLostLogIsNotReplaced(t *testing.T) {
	disk := newClosedStore(t)
	for _, name := range disk.Files() {
		if filepath.Dir(name) == "/store/log" {
			if err := disk.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := store.Open(crashDir, smallOptions(disk)); !errors.Is(err, dcb.ErrCorruption) {
		t.Errorf("opening: %v", err)
	}
}
