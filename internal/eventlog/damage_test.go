package eventlog_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// closed gives the files of a log of three groups that was closed, and the
// offset of the mark.
func closed(t testing.TB) (files, int) {
	b, mem := begin(t)
	b.commit(1, "first")
	b.commit(2, "second and third")
	last := b.commit(3, "fourth, fifth and sixth")
	must(t, b.Close(true))
	return image(t, mem), end(last)
}

func TestAWrongBitBeforeTheLastGroupIsDamage(t *testing.T) {
	all, last := killed(t)
	for bit := 8 * eventlog.SegmentHeaderBytes; bit < 8*int(last.Offset); bit++ {
		damaged(t, all.with(segment(1), flip(all[segment(1)], bit)), segment(1))
	}
}

func TestAWrongBitInAClosedLogIsDamage(t *testing.T) {
	all, mark := closed(t)
	whole := all[segment(1)]
	for bit := 8 * eventlog.SegmentHeaderBytes; bit < 8*mark; bit += 3 {
		damaged(t, all.with(segment(1), flip(whole, bit)), segment(1))
	}
	for bit := 8 * mark; bit < 8*len(whole); bit++ {
		damaged(t, all.with(segment(1), flip(whole, bit)), segment(1))
	}
}

func TestAWrongBitInASegmentsHeaderIsDamage(t *testing.T) {
	all, _ := rolled(t)
	for _, name := range []string{segment(1), segment(3)} {
		for bit := range 8 * eventlog.SegmentHeaderBytes {
			if bit >= 64 && bit < 80 {
				continue // it is another version
			}
			damaged(t, all.with(name, flip(all[name], bit)), name)
		}
	}
}

func TestAnotherVersionIsNoDamage(t *testing.T) {
	all, _ := rolled(t)
	for _, name := range []string{segment(1), segment(3)} {
		for bit := 64; bit < 80; bit++ {
			changed := all.with(name, flip(all[name], bit))
			mem := changed.mem(t)
			_, err := openLog(mem, small)
			var damage *vfs.CorruptionError
			if !errors.Is(err, eventlog.ErrVersion) || errors.As(err, &damage) {
				t.Errorf("the error is %v", err)
			}
			if err != nil && !strings.Contains(err.Error(), name) {
				t.Errorf("%q does not name the file", err)
			}
			same(t, image(t, mem), changed)
		}
	}
}

func TestALostGroupBeforeTheLastIsDamage(t *testing.T) {
	b, mem := begin(t)
	b.commit(1, "first")
	lost := b.commit(1, "lost")
	b.commit(1, "third")
	all := image(t, mem)
	whole := all[segment(1)]
	gone := strings.Repeat("\x00", end(lost)-int(lost.Offset))
	damaged(t, all.with(segment(1), whole[:lost.Offset]+gone+whole[end(lost):]), segment(1))
}

func TestDamageIsFoundHoweverFarTheNextGroupIs(t *testing.T) {
	options := eventlog.Options{NewID: newID}
	mem := vfs.NewMem()
	b := open(t, mem, options)
	first := b.commit(1, strings.Repeat("large", 600_000)) // more than the scanner reads at a time
	b.commit(1, "next")
	all := image(t, mem)
	damaged(t, all.with(segment(1), flip(all[segment(1)], 8*int(first.Offset)+3)), segment(1))
}

func TestDamageSaysWhereItIs(t *testing.T) {
	all, last := killed(t)
	changed := all.with(segment(1), flip(all[segment(1)], 8*(int(last.Offset)-1)))
	_, err := openLog(changed.mem(t), small)
	want := segment(1) + " at byte 149: damaged, with a sound group behind it at byte 229"
	if err == nil || err.Error() != want {
		t.Errorf("the error is %v, not %s", err, want)
	}
}

func TestASegmentThatEndsWithinItsHeaderIsDamage(t *testing.T) {
	all, _ := killed(t)
	for size := range eventlog.SegmentHeaderBytes {
		damaged(t, all.with(segment(1), all[segment(1)][:size]), segment(1))
	}
}
