package store_test

import (
	"context"
	"errors"
	"regexp"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

func overview(t *testing.T, s *store.Store) *store.Overview {
	t.Helper()
	o, err := s.Overview(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// wantAsCounted compares an overview with the statistics of the same moment.
func wantAsCounted(t *testing.T, s *store.Store) {
	t.Helper()
	var o store.Overview
	var want store.Stats
	same := func() bool { // blocks may be flushed between the two
		o, want = *overview(t, s), *stats(t, s, 0)
		return o.Head == want.Head && o.LastCommit.Equal(want.LastCommit) && o.Segments == want.Segments &&
			o.LogBytes == want.LogBytes && o.Blocks == want.Blocks && o.Uncovered == want.Uncovered &&
			o.LogBytes <= o.DiskBytes && o.DiskBytes <= want.DiskBytes
	}
	wantLayout(t, s)
	for deadline := time.Now().Add(time.Minute); !same(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the overview is %+v, and the counts are %+v", o, want)
		}
	}
}

func TestOverviewMatchesStats(t *testing.T) {
	options := smallOptions(vfs.NewMem())
	for range 3 {
		s, err := store.Open("/store", options)
		if err != nil {
			t.Fatal(err)
		}
		wantAsCounted(t, s)
		for range 10 {
			mustAppend(t, s, "a", 3)
		}
		if _, err := s.Append(t.Context(), nil, nil, &dcb.TrackingInfo{Source: "web", Position: overview(t, s).Head}); err != nil {
			t.Fatal(err)
		}
		wantAsCounted(t, s)
		if o := overview(t, s); !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(o.ID) || o.ReadOnly || o.Failure != nil {
			t.Errorf("the overview is %+v", o)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	readOnly := *options
	readOnly.ReadOnly = true
	s, err := store.Open("/store", &readOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	wantAsCounted(t, s)
	if !overview(t, s).ReadOnly {
		t.Error("a store that is read-only is not reported as such")
	}
}

func TestOverviewCountsAllFiles(t *testing.T) {
	disk := vfs.NewMem()
	s, err := store.Open(crashDir, smallOptions(disk))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 40 {
		mustAppend(t, s, "a", 3)
	}
	files := func() int64 { return disk.TotalBytes() - fileSize(t, disk, crashDir+"/HEAD") }
	for deadline := time.Now().Add(time.Minute); overview(t, s).DiskBytes != files(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) { // and nothing is being compacted
			t.Fatalf("the overview has %d bytes on the disk, the files have %d", overview(t, s).DiskBytes, files())
		}
	}
}

func TestOverviewBesideWriterMeasuresItsLog(t *testing.T) {
	disk := vfs.NewMem()
	options := smallOptions(disk)
	options.BlockEvents = 10000 // no blocks
	s, err := store.Open(crashDir, options)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	mustAppend(t, s, "a", 3)
	readOnly := *options
	readOnly.ReadOnly = true
	reader, err := store.Open(crashDir, &readOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	for range 40 {
		mustAppend(t, s, "a", 3)
	}
	if o := overview(t, reader); o.Segments < 2 || o.DiskBytes < o.LogBytes || o.DiskBytes > overview(t, s).DiskBytes {
		t.Errorf("the overview of a reader has %d bytes on the disk and %d of the log in %d segments", o.DiskBytes, o.LogBytes, o.Segments)
	}
}

func TestOverviewOfFailedAndClosedStore(t *testing.T) {
	s, f, _ := newFaultyStore(t)
	mustAppend(t, s, "a", 1)
	f.set(failOn("sync", "log", errors.New("no answer")))
	if _, err := s.Append(t.Context(), newEvents("b", 1), nil, nil); err == nil {
		t.Fatal("the append has succeeded")
	}
	if o := overview(t, s); o.Failure == nil || !errors.Is(o.Failure, dcb.ErrIO) || o.Head != 1 {
		t.Errorf("the overview is %+v", o)
	}
	s.Close()
	if _, err := s.Overview(t.Context()); !errors.Is(err, dcb.ErrClosed) {
		t.Errorf("error of a closed store: %v", err)
	}
}
