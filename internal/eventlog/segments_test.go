package eventlog_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// rolled gives the files of a log of three segments, each of one group with two
// events, and the groups.
func rolled(t testing.TB) (all files, groups []eventlog.Group) {
	b, mem := begin(t)
	for _, payload := range []string{"a", "b", "c"} {
		groups = append(groups, b.commit(2, strings.Repeat(payload, 3000)))
	}
	return image(t, mem), groups
}

func TestAMissingSegmentIsDamage(t *testing.T) {
	for missing, noticed := range map[string]string{segment(1): segment(3), segment(3): segment(5)} {
		all, _ := rolled(t)
		delete(all, missing)
		damaged(t, all, noticed)
	}
}

func TestASegmentOfAnotherStoreIsDamage(t *testing.T) {
	ours, _ := rolled(t)
	mem := vfs.NewMem()
	other := open(t, mem, eventlog.Options{SegmentBytes: 4096, NewID: func() (eventlog.StoreID, error) { return eventlog.StoreID{1}, nil }})
	for range 3 {
		other.commit(2, strings.Repeat("x", 3000))
	}
	theirs := image(t, mem)
	for name, noticed := range map[string]string{segment(1): segment(3), segment(3): segment(3), segment(5): segment(5)} {
		damaged(t, ours.with(name, theirs[name]), noticed)
	}
}

func TestASegmentUnderAnotherNameIsDamage(t *testing.T) {
	all, _ := rolled(t)
	all = all.with(segment(7), all[segment(5)])
	delete(all, segment(5))
	damaged(t, all, segment(7))
}

func TestTwoFirstSegmentsAreDamage(t *testing.T) {
	b, mem := begin(t)
	b.commit(1, "one")
	all := image(t, mem)
	tail := eventlog.Tail{Next: 2}
	all[segment(2)] = string(eventlog.EncodeSegmentHeader(storeID, 0, tail))
	damaged(t, all, segment(2))
}

func TestWhatWasBeingPreparedIsRemoved(t *testing.T) {
	all, _ := rolled(t)
	mem := all.with(dir+"/next-1.tmp", "half").with(dir+"/next-22.tmp", "").mem(t)
	open(t, mem, small)
	same(t, image(t, mem), all)
}

func TestOtherFilesAreLeftAlone(t *testing.T) {
	all, _ := rolled(t)
	all[dir+"/notes"] = "text"
	all[dir+"/1.log"] = "text"
	mem := all.mem(t)
	open(t, mem, small)
	same(t, image(t, mem), all)
}

func TestALogThatCannotBeNamedIsNotMade(t *testing.T) {
	failed := errors.New("no random bytes")
	mem := vfs.NewMem()
	_, err := openLog(mem, eventlog.Options{NewID: func() (eventlog.StoreID, error) { return eventlog.StoreID{}, failed }})
	if !errors.Is(err, failed) {
		t.Errorf("the error is %v", err)
	}
	same(t, image(t, mem), files{})
}

func TestAPositionIsInTheSegmentThatBeginsBeforeIt(t *testing.T) {
	all, _ := rolled(t)
	b := open(t, all.mem(t), small)
	for position, want := range map[uint64]string{1: segment(1), 2: segment(1), 3: segment(3), 4: segment(3), 5: segment(5), 6: segment(5), 99: segment(5)} {
		if have := b.SegmentOf(position).Name; have != want {
			t.Errorf("position %d is in %s, not %s", position, have, want)
		}
	}
	if b.ID() != storeID {
		t.Errorf("the store is %x", b.ID())
	}
}

func TestASegmentReadsWholeOrFails(t *testing.T) {
	all, groups := rolled(t)
	b := open(t, all.mem(t), small)
	s := b.Segments()[0]
	read := make([]byte, 3000)
	must(t, s.ReadAt(read, groups[0].PayloadOffset()))
	if string(read) != strings.Repeat("a", 3000) {
		t.Errorf("read is %.20q…", read)
	}
	err := s.ReadAt(read, groups[0].PayloadOffset()+1)
	var damage *vfs.CorruptionError
	if !errors.As(err, &damage) || damage.File != segment(1) || damage.Offset != groups[0].PayloadOffset()+1 {
		t.Errorf("past the end: %v", err)
	}
}
