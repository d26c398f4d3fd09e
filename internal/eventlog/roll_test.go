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

func TestASegmentIsNamedByItsFirstPosition(t *testing.T) {
	b, mem := begin(t)
	b.commit(2, strings.Repeat("a", 3000))
	b.commit(1, "small")
	b.commit(5, strings.Repeat("b", 3000))
	b.commit(1, strings.Repeat("c", 3000))
	want := base(segment(1), segment(4), segment(9))
	if !slices.Equal(b.names(), want) {
		t.Errorf("the segments are %q", b.names())
	}
	again := open(t, mem, small)
	if !slices.Equal(again.names(), want) {
		t.Errorf("opened again, the segments are %q", again.names())
	}
	again.has(strings.Repeat("a", 3000), "small", strings.Repeat("b", 3000), strings.Repeat("c", 3000))
}

func TestASegmentThatIsLeftIsCutToItsContent(t *testing.T) {
	all, groups := rolled(t)
	for i, name := range []string{segment(1), segment(3)} {
		if len(all[name]) != end(groups[i]) {
			t.Errorf("%s has %d bytes, not %d", name, len(all[name]), end(groups[i]))
		}
	}
	if len(all) != 3 {
		t.Errorf("there are %d files", len(all))
	}
}

func TestASegmentsHeaderContinuesTheOneBefore(t *testing.T) {
	all, groups := rolled(t)
	previous, tail := uint64(0), eventlog.Tail{Next: 1}
	for i, name := range []string{segment(1), segment(3), segment(5)} {
		id, havePrevious, haveTail, err := eventlog.DecodeSegmentHeader([]byte(all[name][:eventlog.SegmentHeaderBytes]))
		if err != nil || id != storeID || havePrevious != previous || haveTail != tail {
			t.Errorf("%s: %x, %d, %+v, %v", name, id, havePrevious, haveTail, err)
		}
		previous, tail = tail.Next, groups[i].Tail()
	}
}

func TestAGroupLargerThanASegmentHasOneToItself(t *testing.T) {
	large := strings.Repeat("large", 2000)
	b, mem := begin(t)
	b.commit(1, "a")
	b.commit(1, large)
	b.commit(1, "b")
	if want := base(segment(1), segment(2), segment(3)); !slices.Equal(b.names(), want) {
		t.Errorf("the segments are %q", b.names())
	}
	open(t, mem, small).has("a", large, "b")
}

func TestALargeGroupMayBeTheFirst(t *testing.T) {
	large := strings.Repeat("large", 2000)
	b, mem := begin(t)
	b.commit(1, large)
	b.commit(1, "a")
	if want := base(segment(1), segment(2)); !slices.Equal(b.names(), want) {
		t.Errorf("the segments are %q", b.names())
	}
	open(t, mem, small).has(large, "a")
}

// Its name would be that of the segment itself.
func TestASegmentWithoutEventsIsNotLeft(t *testing.T) {
	payload := strings.Repeat("tracking", 150)
	b, mem := begin(t)
	for range 5 {
		b.commit(0, payload)
	}
	if want := base(segment(1)); !slices.Equal(b.names(), want) {
		t.Errorf("the segments are %q", b.names())
	}
	b.commit(1, "an event")
	b.commit(0, payload)
	if want := base(segment(1), segment(2)); !slices.Equal(b.names(), want) {
		t.Errorf("with an event, the segments are %q", b.names())
	}
	open(t, mem, small).has(payload, payload, payload, payload, payload, "an event", payload)
}

func TestALogIsRolledAfterItWasOpenedAgain(t *testing.T) {
	payload := strings.Repeat("x", 1500)
	mem := vfs.NewMem()
	for range 5 {
		b := open(t, mem, small)
		b.commit(1, payload)
		must(t, b.Close(true))
	}
	b := open(t, mem, small)
	if want := base(segment(1), segment(3), segment(5)); !slices.Equal(b.names(), want) {
		t.Errorf("the segments are %q", b.names())
	}
	b.has(payload, "", payload, "", payload, "", payload, "", payload, "")
}

// Two groups may be planned before the first is written: the segment that is
// rolled to is not there yet, and the next but one is prepared already.
func TestPlanningRunsAheadOfWriting(t *testing.T) {
	b, mem := begin(t)
	var sealed []*eventlog.Sealed
	for _, payload := range []string{"a", "b", "c"} {
		payload = strings.Repeat(payload, 3000)
		_, err := b.Reserve(0, len(payload))
		must(t, err)
		sealed = append(sealed, b.seal(1, payload))
	}
	if len(b.Segments()) != 1 {
		t.Errorf("there are %d segments before anything is written", len(b.Segments()))
	}
	for _, s := range sealed {
		b.write(s)
	}
	open(t, mem, small).has(strings.Repeat("a", 3000), strings.Repeat("b", 3000), strings.Repeat("c", 3000))
}

func TestTheClockDoesNotGoBack(t *testing.T) {
	b, _ := begin(t)
	times := []int64{500, 300, 700}
	for i, want := range []int64{500, 500, 700} {
		_, err := b.Reserve(0, 1)
		must(t, err)
		s := b.Seal(make([]byte, eventlog.GroupPrefix+1), eventlog.KindRecords, 1, times[i])
		b.write(s)
		if s.Time != want {
			t.Errorf("the time of %d is %d, not %d", times[i], s.Time, want)
		}
	}
	b.has("\x00", "\x00", "\x00")
}
