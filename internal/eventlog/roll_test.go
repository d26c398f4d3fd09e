package eventlog_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

func base(names ...string) (out []string) {
	for _, name := range names {
		out = append(out, filepath.Base(name))
	}
	return out
}

func TestSegmentIsNamedByItsFirstPosition(t *testing.T) {
	l, mem := newLog(t)
	l.commit(2, strings.Repeat("a", 3000))
	l.commit(1, "small")
	l.commit(5, strings.Repeat("b", 3000))
	l.commit(1, strings.Repeat("c", 3000))
	want := base(segment(1), segment(4), segment(9))
	if !slices.Equal(l.names(), want) {
		t.Errorf("the segments are %q", l.names())
	}
	again := openTestLog(t, mem, small)
	if !slices.Equal(again.names(), want) {
		t.Errorf("after reopening, the segments are %q", again.names())
	}
	again.checkPayloads(strings.Repeat("a", 3000), "small", strings.Repeat("b", 3000), strings.Repeat("c", 3000))
}

func TestFullSegmentIsTruncatedToItsContent(t *testing.T) {
	all, groups := rolledLog(t)
	for i, name := range []string{segment(1), segment(3)} {
		if len(all[name]) != end(groups[i]) {
			t.Errorf("%s has %d bytes, want %d", name, len(all[name]), end(groups[i]))
		}
	}
	if len(all) != 3 {
		t.Errorf("there are %d files", len(all))
	}
}

func TestSegmentHeaderContinuesTheOneBefore(t *testing.T) {
	all, groups := rolledLog(t)
	previous, tail := uint64(0), eventlog.Tail{Next: 1}
	for i, name := range []string{segment(1), segment(3), segment(5)} {
		id, havePrevious, haveTail, err := eventlog.DecodeSegmentHeader([]byte(all[name][:eventlog.SegmentHeaderBytes]))
		if err != nil || id != storeID || havePrevious != previous || haveTail != tail {
			t.Errorf("%s: %x, %d, %+v, %v", name, id, havePrevious, haveTail, err)
		}
		previous, tail = tail.Next, groups[i].Tail()
	}
}

func TestGroupLargerThanSegmentHasItsOwnSegment(t *testing.T) {
	large := strings.Repeat("large", 2000)
	l, mem := newLog(t)
	l.commit(1, "a")
	l.commit(1, large)
	l.commit(1, "b")
	if want := base(segment(1), segment(2), segment(3)); !slices.Equal(l.names(), want) {
		t.Errorf("the segments are %q", l.names())
	}
	openTestLog(t, mem, small).checkPayloads("a", large, "b")
}

func TestLargeGroupCanBeTheFirst(t *testing.T) {
	large := strings.Repeat("large", 2000)
	l, mem := newLog(t)
	l.commit(1, large)
	l.commit(1, "a")
	if want := base(segment(1), segment(2)); !slices.Equal(l.names(), want) {
		t.Errorf("the segments are %q", l.names())
	}
	openTestLog(t, mem, small).checkPayloads(large, "a")
}

// The next segment would have the same name.
func TestSegmentWithoutEventsIsNotRolled(t *testing.T) {
	payload := strings.Repeat("tracking", 150)
	l, mem := newLog(t)
	for range 5 {
		l.commit(0, payload)
	}
	if want := base(segment(1)); !slices.Equal(l.names(), want) {
		t.Errorf("the segments are %q", l.names())
	}
	l.commit(1, "an event")
	l.commit(0, payload)
	if want := base(segment(1), segment(2)); !slices.Equal(l.names(), want) {
		t.Errorf("after an event, the segments are %q", l.names())
	}
	openTestLog(t, mem, small).checkPayloads(payload, payload, payload, payload, payload, "an event", payload)
}

func TestReopenedLogRolls(t *testing.T) {
	payload := strings.Repeat("x", 1500)
	mem := vfs.NewMem()
	for range 5 {
		l := openTestLog(t, mem, small)
		l.commit(1, payload)
		must(t, l.Close(true))
	}
	l := openTestLog(t, mem, small)
	if want := base(segment(1), segment(3), segment(5)); !slices.Equal(l.names(), want) {
		t.Errorf("the segments are %q", l.names())
	}
	l.checkPayloads(payload, "", payload, "", payload, "", payload, "", payload, "")
}

// Several groups can be planned before the first is written. The segment of the second
// group is then not installed yet, while the one after it is already preallocated.
func TestPlanningIsAheadOfWriting(t *testing.T) {
	l, mem := newLog(t)
	var sealed []*eventlog.Sealed
	for _, payload := range []string{"a", "b", "c"} {
		payload = strings.Repeat(payload, 3000)
		_, err := l.Reserve(0, len(payload))
		must(t, err)
		sealed = append(sealed, l.seal(1, payload))
	}
	if len(l.Segments()) != 1 {
		t.Errorf("there are %d segments before the first write", len(l.Segments()))
	}
	for _, s := range sealed {
		l.write(s)
	}
	openTestLog(t, mem, small).checkPayloads(strings.Repeat("a", 3000), strings.Repeat("b", 3000), strings.Repeat("c", 3000))
}

func TestCommitTimeNeverDecreases(t *testing.T) {
	l, _ := newLog(t)
	times := []int64{500, 300, 700}
	for i, want := range []int64{500, 500, 700} {
		_, err := l.Reserve(0, 1)
		must(t, err)
		s := l.Seal(make([]byte, eventlog.GroupPrefix+1), eventlog.KindRecords, 1, times[i])
		l.write(s)
		if s.Time != want {
			t.Errorf("clock %d: commit time %d, want %d", times[i], s.Time, want)
		}
	}
	l.checkPayloads("\x00", "\x00", "\x00")
}
