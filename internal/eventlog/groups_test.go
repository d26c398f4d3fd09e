package eventlog_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// collect gives the indexes of the groups behind a point up to last, and the error.
func collect(b *book, from eventlog.Point, last uint64) (indexes []uint64, err error) {
	for g, err := range b.Groups(from, last) {
		if err != nil {
			return indexes, err
		}
		indexes = append(indexes, g.Index)
	}
	return indexes, nil
}

func TestGroupsCrossSegmentsAndStopAtTheLast(t *testing.T) {
	all, groups := rolled(t)
	b := open(t, all.mem(t), small)
	points := []eventlog.Point{b.Start()}
	for i := range groups {
		points = append(points, groups[i].End())
	}
	for from, point := range points {
		for last := range uint64(4) {
			indexes, err := collect(b, point, last)
			must(t, err)
			if want := max(0, int(last)-from); len(indexes) != want {
				t.Errorf("from %d to %d there are %v", from, last, indexes)
			}
			for i, index := range indexes {
				if index != uint64(from+i+1) {
					t.Errorf("from %d to %d there are %v", from, last, indexes)
				}
			}
		}
	}
}

func TestAGroupSaysWhereItLies(t *testing.T) {
	all, groups := rolled(t)
	b := open(t, all.mem(t), small)
	i := 0
	for g, err := range b.Groups(b.Start(), 3) {
		must(t, err)
		want := groups[i]
		if g.GroupHeader != want.GroupHeader || g.Base != want.Base || g.Offset != want.Offset || string(g.Payload) != string(want.Payload) {
			t.Errorf("group %d is at %d in %d", g.Index, g.Offset, g.Base)
		}
		read := make([]byte, len(g.Payload))
		must(t, b.SegmentOf(g.First).ReadAt(read, g.PayloadOffset()))
		if string(read) != string(g.Payload) {
			t.Errorf("group %d: its payload is elsewhere", g.Index)
		}
		i++
	}
}

func TestAWalkMayBeLeft(t *testing.T) {
	all, _ := rolled(t)
	b := open(t, all.mem(t), small)
	for g, err := range b.Groups(b.Start(), 3) {
		must(t, err)
		if g.Index == 2 {
			break
		}
	}
}

// walkFails fails unless the walk gives so many groups, and then says that a
// file is damaged.
func walkFails(t *testing.T, all files, sound int, name string) {
	t.Helper()
	b := open(t, all.mem(t), small)
	indexes, err := collect(b, b.Start(), b.Tail().Index)
	var damage *vfs.CorruptionError
	if !errors.As(err, &damage) || damage.File != name {
		t.Errorf("the error is %v, not that %s is damaged", err, name)
	}
	if len(indexes) != sound {
		t.Errorf("before it there are %v", indexes)
	}
}

func TestAWalkFindsDamageInASealedSegment(t *testing.T) {
	all, groups := rolled(t)
	for bit := 8 * eventlog.SegmentHeaderBytes; bit < 8*end(groups[1]); bit += 13 {
		walkFails(t, all.with(segment(3), flip(all[segment(3)], bit)), 1, segment(3))
	}
}

func TestAWalkFindsASealedSegmentThatIsTooShort(t *testing.T) {
	all, _ := rolled(t)
	whole := all[segment(3)]
	for _, size := range []int{eventlog.SegmentHeaderBytes, 100, 1000, len(whole) - 1} {
		walkFails(t, all.with(segment(3), whole[:size]), 1, segment(3))
	}
}

func TestAWalkFindsASealedSegmentWithMoreBehindIt(t *testing.T) {
	all, _ := rolled(t)
	walkFails(t, all.with(segment(1), all[segment(1)]+"more"), 1, segment(1))
	// Zeros are what a crash leaves that comes before the cut.
	open(t, all.with(segment(1), all[segment(1)]+strings.Repeat("\x00", 1000)).mem(t), small).
		has(strings.Repeat("a", 3000), strings.Repeat("b", 3000), strings.Repeat("c", 3000))
}

// Both segments are sound in themselves, and name each other.
func TestAWalkFindsASegmentOfAnotherHistory(t *testing.T) {
	ours, _ := rolled(t)
	b, mem := begin(t)
	for _, payload := range []string{"A", "B", "C"} {
		b.commit(2, strings.Repeat(payload, 3000))
	}
	theirs := image(t, mem)
	walkFails(t, ours.with(segment(3), theirs[segment(3)]), 1, segment(1))
}

func TestAWalkFromASegmentThatIsNotThereFails(t *testing.T) {
	all, groups := rolled(t)
	b := open(t, all.mem(t), small)
	from := groups[0].End()
	from.Base = 2
	if indexes, err := collect(b, from, 3); err == nil || len(indexes) != 0 {
		t.Errorf("there are %v, and the error is %v", indexes, err)
	}
}

// The reader has taken the size of the segment when the writer leaves and cuts it.
func TestASegmentMayBeCutWhileItIsRead(t *testing.T) {
	mem := vfs.NewMem()
	var b *book
	roll := false
	b = open(t, vfs.Observe(mem, func(op vfs.Op) error {
		if op.Kind == "read" && roll {
			roll = false
			b.commit(1, strings.Repeat("c", 3000))
		}
		return nil
	}), small)
	b.commit(1, "a")
	b.commit(1, strings.Repeat("b", 2000))
	roll = true
	if indexes, err := collect(b, b.Start(), 2); err != nil || len(indexes) != 2 {
		t.Errorf("there are %v, and the error is %v", indexes, err)
	}
	if len(b.Segments()) != 2 {
		t.Error("nothing was rolled")
	}
}

func TestAReadErrorIsNoDamage(t *testing.T) {
	all, _ := rolled(t)
	broken := errors.New("the disk does not answer")
	fail := false
	b := open(t, vfs.Observe(all.mem(t), func(op vfs.Op) error {
		if op.Kind == "read" && op.Name == segment(3) && fail {
			return broken
		}
		return nil
	}), small)
	fail = true
	indexes, err := collect(b, b.Start(), 3)
	var damage *vfs.CorruptionError
	if !errors.Is(err, broken) || errors.As(err, &damage) || len(indexes) != 1 {
		t.Errorf("there are %v, and the error is %v", indexes, err)
	}
}

func TestAHeaderIsReadWhereOneIs(t *testing.T) {
	all, groups := rolled(t)
	b := open(t, all.mem(t), small)
	for _, want := range groups {
		g, there, err := b.HeaderAt(want.Base, want.Offset)
		if err != nil || !there || g.GroupHeader != want.GroupHeader || g.End() != want.End() {
			t.Errorf("at %d in %d: %+v, %v, %v", want.Offset, want.Base, g, there, err)
		}
	}
	for _, at := range []eventlog.Point{{Base: 1, Offset: 81}, {Base: 1, Offset: 0}, {Base: 1, Offset: 1 << 40}, {Base: 2, Offset: 80}} {
		if g, there, err := b.HeaderAt(at.Base, at.Offset); there || err != nil {
			t.Errorf("at %d in %d: %+v, %v", at.Offset, at.Base, g, err)
		}
	}
}
