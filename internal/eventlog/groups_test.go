package eventlog_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// collectIndexes returns the indexes of the groups after a point up to last.
func collectIndexes(l *testLog, from eventlog.Point, last uint64) (indexes []uint64, err error) {
	for g, err := range l.Groups(from, last) {
		if err != nil {
			return indexes, err
		}
		indexes = append(indexes, g.Index)
	}
	return indexes, nil
}

func TestGroupsCrossSegmentsAndStopAtLast(t *testing.T) {
	all, groups := rolledLog(t)
	l := openTestLog(t, all.mem(t), small)
	points := []eventlog.Point{l.Start()}
	for i := range groups {
		points = append(points, groups[i].End())
	}
	for from, point := range points {
		for last := range uint64(4) {
			indexes, err := collectIndexes(l, point, last)
			must(t, err)
			if want := max(0, int(last)-from); len(indexes) != want {
				t.Errorf("after %d up to %d: groups %v", from, last, indexes)
			}
			for i, index := range indexes {
				if index != uint64(from+i+1) {
					t.Errorf("after %d up to %d: groups %v", from, last, indexes)
				}
			}
		}
	}
}

func TestGroupHasItsOffset(t *testing.T) {
	all, groups := rolledLog(t)
	l := openTestLog(t, all.mem(t), small)
	i := 0
	for g, err := range l.Groups(l.Start(), 3) {
		must(t, err)
		want := groups[i]
		if g.GroupHeader != want.GroupHeader || g.Base != want.Base || g.Offset != want.Offset || string(g.Payload) != string(want.Payload) {
			t.Errorf("group %d is at %d in %d", g.Index, g.Offset, g.Base)
		}
		read := make([]byte, len(g.Payload))
		must(t, l.SegmentOf(g.First).ReadAt(read, g.PayloadOffset()))
		if string(read) != string(g.Payload) {
			t.Errorf("group %d: wrong payload offset", g.Index)
		}
		i++
	}
}

func TestGroupsCanStopEarly(t *testing.T) {
	all, _ := rolledLog(t)
	l := openTestLog(t, all.mem(t), small)
	for g, err := range l.Groups(l.Start(), 3) {
		must(t, err)
		if g.Index == 2 {
			break
		}
	}
}

// checkGroupsFail fails unless Groups yields the given number of groups and then a
// CorruptionError for the named file.
func checkGroupsFail(t *testing.T, all files, valid int, name string) {
	t.Helper()
	l := openTestLog(t, all.mem(t), small)
	indexes, err := collectIndexes(l, l.Start(), l.Tail().Index)
	var corruption *vfs.CorruptionError
	if !errors.As(err, &corruption) || corruption.File != name {
		t.Errorf("the error is %v, want a CorruptionError for %s", err, name)
	}
	if len(indexes) != valid {
		t.Errorf("got groups %v before the error, want %d", indexes, valid)
	}
}

func TestGroupsDetectsCorruptionInFullSegment(t *testing.T) {
	all, groups := rolledLog(t)
	for bit := 8 * eventlog.SegmentHeaderBytes; bit < 8*end(groups[1]); bit += 13 {
		checkGroupsFail(t, all.with(segment(3), flipBit(all[segment(3)], bit)), 1, segment(3))
	}
}

func TestGroupsDetectsTruncatedSegment(t *testing.T) {
	all, _ := rolledLog(t)
	whole := all[segment(3)]
	for _, size := range []int{eventlog.SegmentHeaderBytes, 100, 1000, len(whole) - 1} {
		checkGroupsFail(t, all.with(segment(3), whole[:size]), 1, segment(3))
	}
}

func TestGroupsDetectsBytesAfterFullSegment(t *testing.T) {
	all, _ := rolledLog(t)
	checkGroupsFail(t, all.with(segment(1), all[segment(1)]+"more"), 1, segment(1))
	// A crash before the truncation leaves zeros.
	openTestLog(t, all.with(segment(1), all[segment(1)]+strings.Repeat("\x00", 1000)).mem(t), small).
		checkPayloads(strings.Repeat("a", 3000), strings.Repeat("b", 3000), strings.Repeat("c", 3000))
}

// Both segments are valid on their own, and their bases match.
func TestGroupsDetectsSegmentOfAnotherHistory(t *testing.T) {
	ours, _ := rolledLog(t)
	l, mem := newLog(t)
	for _, payload := range []string{"A", "B", "C"} {
		l.commit(2, strings.Repeat(payload, 3000))
	}
	theirs := contents(t, mem)
	checkGroupsFail(t, ours.with(segment(3), theirs[segment(3)]), 1, segment(1))
}

func TestGroupsFailsForMissingSegment(t *testing.T) {
	all, groups := rolledLog(t)
	l := openTestLog(t, all.mem(t), small)
	from := groups[0].End()
	from.Base = 2
	if indexes, err := collectIndexes(l, from, 3); err == nil || len(indexes) != 0 {
		t.Errorf("got groups %v and error %v", indexes, err)
	}
}

// The reader has read the size of the segment before the writer rolls and truncates it.
func TestSegmentCanBeTruncatedWhileItIsRead(t *testing.T) {
	mem := vfs.NewMem()
	var l *testLog
	roll := false
	l = openTestLog(t, vfs.Observe(mem, func(op vfs.Op) error {
		if op.Kind == "read" && roll {
			roll = false
			l.commit(1, strings.Repeat("c", 3000))
		}
		return nil
	}), small)
	l.commit(1, "a")
	l.commit(1, strings.Repeat("b", 2000))
	roll = true
	if indexes, err := collectIndexes(l, l.Start(), 2); err != nil || len(indexes) != 2 {
		t.Errorf("got groups %v and error %v", indexes, err)
	}
	if len(l.Segments()) != 2 {
		t.Error("the log did not roll to a new segment")
	}
}

func TestReadErrorIsNotCorruption(t *testing.T) {
	all, _ := rolledLog(t)
	broken := errors.New("I/O error")
	fail := false
	l := openTestLog(t, vfs.Observe(all.mem(t), func(op vfs.Op) error {
		if op.Kind == "read" && op.Name == segment(3) && fail {
			return broken
		}
		return nil
	}), small)
	fail = true
	indexes, err := collectIndexes(l, l.Start(), 3)
	var corruption *vfs.CorruptionError
	if !errors.Is(err, broken) || errors.As(err, &corruption) || len(indexes) != 1 {
		t.Errorf("got groups %v and error %v", indexes, err)
	}
}

func TestHeaderAtReportsValidHeaders(t *testing.T) {
	all, groups := rolledLog(t)
	l := openTestLog(t, all.mem(t), small)
	for _, want := range groups {
		g, valid, err := l.HeaderAt(want.Base, want.Offset)
		if err != nil || !valid || g.GroupHeader != want.GroupHeader || g.End() != want.End() {
			t.Errorf("at %d in %d: %+v, %v, %v", want.Offset, want.Base, g, valid, err)
		}
	}
	for _, at := range []eventlog.Point{{Base: 1, Offset: 81}, {Base: 1, Offset: 0}, {Base: 1, Offset: 1 << 40}, {Base: 2, Offset: 80}} {
		if g, valid, err := l.HeaderAt(at.Base, at.Offset); valid || err != nil {
			t.Errorf("at %d in %d: %+v, %v", at.Offset, at.Base, g, err)
		}
	}
}
