package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// sourceGroups returns the groups of a store that was closed in between.
func sourceGroups(t *testing.T) (groups []eventlog.Group) {
	t.Helper()
	disk := vfs.NewMem()
	for round := range 3 {
		s, err := store.Open(crashDir, smallOptions(disk))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			mustAppend(t, s, fmt.Sprint(round, i), 1+i)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s, err := store.Open(crashDir, smallOptions(disk))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for g, err := range s.Groups(t.Context(), eventlog.GroupID{}, false) {
		if err != nil {
			t.Fatal(err)
		}
		g.Header, g.Payload, g.SegmentHeader = bytes.Clone(g.Header), bytes.Clone(g.Payload), bytes.Clone(g.SegmentHeader)
		groups = append(groups, g)
	}
	return groups
}

// continueCopy adds the groups to a copy that it does not have, as a backup does.
func continueCopy(t *testing.T, disk *vfs.Mem, groups []eventlog.Group) {
	t.Helper()
	path := filepath.Join(crashDir, "log")
	if err := disk.MkdirAll(path); err != nil {
		t.Fatal(err)
	}
	dir, err := disk.OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := eventlog.OpenReceiver(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := disk.Remove(crashDir + "/HEAD"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if tail := r.Tail(); tail.Index > 0 && groups[tail.Index-1].Chain != tail.Chain {
		before, closed, err := r.BeforeClose()
		if err != nil || !closed {
			t.Fatal("the copy ends with another group", err)
		}
		if err := r.RemoveClose(before); err != nil {
			t.Fatal(err)
		}
	}
	for r.Tail().Index < uint64(len(groups)) {
		if err := r.Write(&groups[r.Tail().Index]); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(r.Close(), dir.Close()); err != nil {
		t.Fatal(err)
	}
}

// Readers of a copy see a prefix of its source that only grows, although the copy is
// opened, closed and continued again and again: that replaces its clean-close record.
func TestReadersBesideCopyThatIsOpenedAndContinued(t *testing.T) {
	groups := sourceGroups(t)
	chance := rand.New(rand.NewPCG(8, 9))
	disk := vfs.NewMem()
	continueCopy(t, disk, groups[:1])
	done := make(chan struct{})
	var reading sync.WaitGroup
	for range 2 {
		o := newObserver(t, crashDir, smallOptions(disk))
		defer o.store.Close()
		reading.Go(func() {
			for seen := 0; ; {
				events, head, err := o.store.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).Collect()
				if err != nil || len(events) < seen || head != uint64(len(events)) {
					t.Errorf("%d events after %d, head %d, error %v", len(events), seen, head, err)
					return
				}
				seen = len(events)
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	last := newObserver(t, crashDir, smallOptions(disk)) // used only at certain moments
	defer last.store.Close()
	for n := 2; n <= len(groups); n++ {
		head := groups[n-1].Tail().Next - 1
		check := func(when string) {
			if last.read(chance); uint64(len(last.names)) != head {
				t.Errorf("after group %d, %s: the head is %d, want %d", n, when, len(last.names), head)
			}
		}
		continueCopy(t, disk, groups[:n])
		check("continued")
		s, err := store.Open(crashDir, smallOptions(disk))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		check("opened and closed")
	}
	close(done)
	reading.Wait()
}
