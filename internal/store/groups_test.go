package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// logCopy is a log that is built from groups, by the base of the segment.
type logCopy map[uint64][]byte

func (c logCopy) add(g *eventlog.Group) {
	if g.SegmentHeader != nil {
		c[g.Base] = slices.Clone(g.SegmentHeader)
	}
	c[g.Base] = append(append(c[g.Base], g.Header...), g.Payload...)
}

// clone returns a group with bytes of its own.
func clone(g eventlog.Group) eventlog.Group {
	g.Header, g.Payload, g.SegmentHeader = slices.Clone(g.Header), slices.Clone(g.Payload), slices.Clone(g.SegmentHeader)
	return g
}

// collectGroups returns the groups after one, and the error that ends the iteration.
func collectGroups(t *testing.T, s *store.Store, after eventlog.GroupID) (groups []eventlog.Group, err error) {
	t.Helper()
	for g, err := range s.Groups(t.Context(), after, false) {
		if err != nil {
			return groups, err
		}
		groups = append(groups, clone(g))
	}
	return groups, nil
}

// mustMatchFiles compares a copy with the files of a closed store.
func mustMatchFiles(t *testing.T, c logCopy, disk *vfs.Mem) {
	t.Helper()
	files := 0
	for _, name := range disk.Files() {
		if filepath.Dir(name) != "/store/log" {
			continue
		}
		files++
		var base uint64
		if _, err := fmt.Sscanf(filepath.Base(name), "%d.log", &base); err != nil {
			t.Fatal(err)
		}
		if want := readFile(t, disk, name); !bytes.Equal(c[base], want) {
			t.Errorf("the copy of %s has %d bytes, the file %d, or they differ", name, len(c[base]), len(want))
		}
	}
	if len(c) != files || files < 2 {
		t.Errorf("the copy has segments %v, the store has %d", slices.Sorted(maps.Keys(c)), files)
	}
}

func readFile(t *testing.T, disk *vfs.Mem, name string) []byte {
	t.Helper()
	f, err := disk.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, fileSize(t, disk, name))
	if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return b
}

// openReadOnly opens a closed store again.
func openReadOnly(t *testing.T, disk *vfs.Mem) *store.Store {
	t.Helper()
	options := smallOptions(disk)
	options.ReadOnly = true
	s, err := store.Open(crashDir, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestGroupsAreThoseOfTheFiles(t *testing.T) {
	disk := newClosedStore(t)
	groups, err := collectGroups(t, openReadOnly(t, disk), eventlog.GroupID{})
	if err != nil {
		t.Fatal(err)
	}
	c := logCopy{}
	for i := range groups {
		c.add(&groups[i])
	}
	mustMatchFiles(t, c, disk)
}

func TestGroupsContinueAfterAnyGroup(t *testing.T) {
	s := openReadOnly(t, newClosedStore(t))
	all, err := collectGroups(t, s, eventlog.GroupID{})
	if err != nil || len(all) != 13 {
		t.Fatalf("%d groups, error %v", len(all), err)
	}
	for i := range all {
		tail := all[i].Tail()
		rest, err := collectGroups(t, s, tail.ID())
		if err != nil || len(rest) != len(all)-i-1 {
			t.Errorf("after group %d: %d groups, error %v", i+1, len(rest), err)
		}
		for j := range rest {
			want := &all[i+1+j]
			if rest[j].GroupHeader != want.GroupHeader || !bytes.Equal(rest[j].SegmentHeader, want.SegmentHeader) {
				t.Errorf("after group %d: group %d differs", i+1, j)
			}
		}
	}
}

func TestGroupsAfterAGroupOfAnotherHistory(t *testing.T) {
	s := openReadOnly(t, newClosedStore(t))
	all, err := collectGroups(t, s, eventlog.GroupID{})
	if err != nil {
		t.Fatal(err)
	}
	wrong := []eventlog.GroupID{{Index: 0, Chain: 1}, {Index: uint64(len(all)) + 1}, {Index: 1 << 62}}
	for i := range all {
		wrong = append(wrong, eventlog.GroupID{Index: all[i].Index, Chain: all[i].Chain ^ 1})
	}
	for _, after := range wrong {
		for _, follow := range []bool{false, true} {
			for g, err := range s.Groups(t.Context(), after, follow) {
				if !errors.Is(err, dcb.ErrIntegrity) {
					t.Errorf("after %+v: group %d, error %v", after, g.Index, err)
					break
				}
			}
		}
	}
}

// The groups that a follower gets while others append are those of the files, in any
// interleaving of appends, rolls and reads.
func TestGroupsFollowAppends(t *testing.T) {
	s, _, disk := newFaultyStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const followers, writers, appends = 3, 4, 60
	copies := make([]logCopy, followers)
	var following, appending sync.WaitGroup
	for i := range copies {
		copies[i] = logCopy{}
		following.Go(func() {
			next := uint64(1)
			for g, err := range s.Groups(ctx, eventlog.GroupID{}, true) {
				if err != nil {
					t.Errorf("follower: %v", err)
					return
				}
				copies[i].add(&g)
				if next += uint64(g.Count); next > 2*writers*appends {
					return
				}
			}
		})
	}
	for w := range writers {
		appending.Go(func() {
			for i := range appends {
				if _, err := s.Append(t.Context(), newEvents(fmt.Sprint(w, "/", i), 2), nil, nil); err != nil {
					t.Errorf("append: %v", err)
				}
			}
		})
	}
	appending.Wait()
	following.Wait()
	head := s.Groups(t.Context(), eventlog.GroupID{}, false)
	whole := logCopy{}
	for g, err := range head {
		if err != nil {
			t.Fatal(err)
		}
		whole.add(&g)
	}
	for i, c := range copies {
		if !maps.EqualFunc(c, whole, bytes.Equal) {
			t.Errorf("follower %d has another log", i)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	last := slices.Max(slices.Collect(maps.Keys(whole)))
	closed := readFile(t, disk, fmt.Sprintf("/store/log/%020d.log", last))
	whole[last] = append(whole[last], closed[len(closed)-64:]...) // the clean-close record
	mustMatchFiles(t, whole, disk)
}

// A group without events has no terms, and wakes a follower too.
func TestGroupsFollowTrackingWithoutEvents(t *testing.T) {
	s, _, _ := newFaultyStore(t)
	mustAppend(t, s, "first", 1)
	for g, err := range s.Groups(t.Context(), eventlog.GroupID{}, true) {
		if err != nil {
			t.Fatal(err)
		}
		if g.Index == 1 {
			go func() {
				if _, err := s.Append(t.Context(), nil, nil, &dcb.TrackingInfo{Source: "web", Position: 7}); err != nil {
					t.Error(err)
				}
			}()
			continue
		}
		if g.Count != 0 {
			t.Errorf("group %d has %d events", g.Index, g.Count)
		}
		break
	}
}

func TestFollowingGroupsEndsWithItsContext(t *testing.T) {
	s, _, _ := newFaultyStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	values := 0
	go cancel()
	for _, err := range s.Groups(ctx, eventlog.GroupID{}, true) {
		if values++; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	}
	if values != 1 {
		t.Errorf("%d values instead of one error", values)
	}
}

// Close waits neither for a follower that waits for groups nor for a caller that has one.
func TestStoreClosesWhileGroupsAreFollowed(t *testing.T) {
	s, _, _ := newFaultyStore(t)
	mustAppend(t, s, "first", 1)
	waiting := make(chan error, 1)
	go func() {
		for _, err := range s.Groups(t.Context(), eventlog.GroupID{}, true) {
			if err != nil {
				waiting <- err
			}
		}
	}()
	var values []error
	for g, err := range s.Groups(t.Context(), eventlog.GroupID{}, true) {
		if values = append(values, err); err == nil {
			payload := slices.Clone(g.Payload)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(g.Payload, payload) {
				t.Error("Close changed the group that the caller has")
			}
		}
	}
	if len(values) != 2 || !errors.Is(values[1], dcb.ErrClosed) {
		t.Errorf("values %v, want a group and ErrClosed", values)
	}
	if err := <-waiting; !errors.Is(err, dcb.ErrClosed) {
		t.Errorf("the waiting follower ended with %v", err)
	}
	for _, err := range s.Groups(t.Context(), eventlog.GroupID{}, false) {
		if !errors.Is(err, dcb.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	}
}

func TestGroupsEndAtCorruption(t *testing.T) {
	disk := newClosedStore(t)
	s := openReadOnly(t, disk)
	all, err := collectGroups(t, s, eventlog.GroupID{})
	if err != nil {
		t.Fatal(err)
	}
	const name = "/store/log/00000000000000000001.log"
	for at := int64(80); at < fileSize(t, disk, name); at += 3 {
		flipBit(t, disk, name, at)
		groups, err := collectGroups(t, s, eventlog.GroupID{})
		if !errors.Is(err, dcb.ErrCorruption) {
			t.Errorf("byte %d: error %v", at, err)
		}
		for i := range groups {
			if !bytes.Equal(groups[i].Payload, all[i].Payload) || !bytes.Equal(groups[i].Header, all[i].Header) {
				t.Errorf("byte %d: group %d is not as written", at, i+1)
			}
		}
		flipBit(t, disk, name, at)
	}
}
