package eventlog_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// rolledLog returns the files of a log with three segments, and its groups: one in each
// segment, with two events.
func rolledLog(t testing.TB) (all files, groups []eventlog.Group) {
	l, mem := newLog(t)
	for _, payload := range []string{"a", "b", "c"} {
		groups = append(groups, l.commit(2, strings.Repeat(payload, 3000)))
	}
	return contents(t, mem), groups
}

func TestMissingSegmentIsCorruption(t *testing.T) {
	for missing, reported := range map[string]string{segment(1): segment(3), segment(3): segment(5)} {
		all, _ := rolledLog(t)
		delete(all, missing)
		checkCorruption(t, all, reported)
	}
}

func TestSegmentOfAnotherStoreIsCorruption(t *testing.T) {
	ours, _ := rolledLog(t)
	mem := vfs.NewMem()
	other := openTestLog(t, mem, eventlog.Options{SegmentBytes: 4096, NewID: func() (eventlog.StoreID, error) { return eventlog.StoreID{1}, nil }})
	for range 3 {
		other.commit(2, strings.Repeat("x", 3000))
	}
	theirs := contents(t, mem)
	for name, reported := range map[string]string{segment(1): segment(3), segment(3): segment(3), segment(5): segment(5)} {
		checkCorruption(t, ours.with(name, theirs[name]), reported)
	}
}

func TestRenamedSegmentIsCorruption(t *testing.T) {
	all, _ := rolledLog(t)
	all = all.with(segment(7), all[segment(5)])
	delete(all, segment(5))
	checkCorruption(t, all, segment(7))
}

func TestTwoFirstSegmentsAreCorruption(t *testing.T) {
	l, mem := newLog(t)
	l.commit(1, "one")
	all := contents(t, mem)
	tail := eventlog.Tail{Next: 2}
	all[segment(2)] = string(eventlog.EncodeSegmentHeader(storeID, 0, tail))
	checkCorruption(t, all, segment(2))
}

func TestOpenRemovesNextSegments(t *testing.T) {
	all, _ := rolledLog(t)
	mem := all.with(dir+"/next-1.tmp", "half").with(dir+"/next-22.tmp", "").mem(t)
	openTestLog(t, mem, small)
	checkFiles(t, contents(t, mem), all)
}

func TestOpenKeepsOtherFiles(t *testing.T) {
	all, _ := rolledLog(t)
	all[dir+"/notes"] = "text"
	all[dir+"/1.log"] = "text"
	mem := all.mem(t)
	openTestLog(t, mem, small)
	checkFiles(t, contents(t, mem), all)
}

func TestLogWithoutIDIsNotCreated(t *testing.T) {
	failed := errors.New("no random bytes")
	mem := vfs.NewMem()
	_, err := openLog(mem, eventlog.Options{NewID: func() (eventlog.StoreID, error) { return eventlog.StoreID{}, failed }})
	if !errors.Is(err, failed) {
		t.Errorf("the error is %v", err)
	}
	checkFiles(t, contents(t, mem), files{})
}

func TestSegmentOf(t *testing.T) {
	all, _ := rolledLog(t)
	l := openTestLog(t, all.mem(t), small)
	for position, want := range map[uint64]string{1: segment(1), 2: segment(1), 3: segment(3), 4: segment(3), 5: segment(5), 6: segment(5), 99: segment(5)} {
		if have := l.SegmentOf(position).Name; have != want {
			t.Errorf("position %d is in %s, want %s", position, have, want)
		}
	}
	if l.ID() != storeID {
		t.Errorf("the store is %x", l.ID())
	}
}

func TestSegmentReadAtFillsBufferOrFails(t *testing.T) {
	all, groups := rolledLog(t)
	l := openTestLog(t, all.mem(t), small)
	s := l.Segments()[0]
	read := make([]byte, 3000)
	must(t, s.ReadAt(read, groups[0].PayloadOffset()))
	if string(read) != strings.Repeat("a", 3000) {
		t.Errorf("read %.20q…", read)
	}
	err := s.ReadAt(read, groups[0].PayloadOffset()+1)
	var corruption *vfs.CorruptionError
	if !errors.As(err, &corruption) || corruption.File != segment(1) || corruption.Offset != groups[0].PayloadOffset()+1 {
		t.Errorf("past the end: %v", err)
	}
}
