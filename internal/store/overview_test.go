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
			o.LogBytes == want.LogBytes && o.Blocks == want.Blocks && o.Uncovered == want.Uncovered
	}
	for deadline := time.Now().Add(10 * time.Second); !same(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the overview is %+v, and the counts are %+v", o, want)
		}
	}
	if o.DiskBytes < o.LogBytes || o.DiskBytes > want.DiskBytes {
		t.Errorf("%d bytes on the disk, and %d bytes of log, want at most %d", o.DiskBytes, o.LogBytes, want.DiskBytes)
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
