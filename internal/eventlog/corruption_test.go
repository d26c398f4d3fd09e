package eventlog_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// closedLog returns the files of a closed log with three groups, and the offset of its
// clean-close record.
func closedLog(t testing.TB) (files, int) {
	l, mem := newLog(t)
	l.commit(1, "first")
	l.commit(2, "second and third")
	last := l.commit(3, "fourth, fifth and sixth")
	must(t, l.Close(true))
	return contents(t, mem), end(last)
}

func TestFlippedBitBeforeLastGroupIsCorruption(t *testing.T) {
	all, last := killedLog(t)
	for bit := 8 * eventlog.SegmentHeaderBytes; bit < 8*int(last.Offset); bit++ {
		checkCorruption(t, all.with(segment(1), flipBit(all[segment(1)], bit)), segment(1))
	}
}

func TestFlippedBitInClosedLogIsCorruption(t *testing.T) {
	all, end := closedLog(t)
	whole := all[segment(1)]
	for bit := 8 * eventlog.SegmentHeaderBytes; bit < 8*end; bit += 3 {
		checkCorruption(t, all.with(segment(1), flipBit(whole, bit)), segment(1))
	}
	for bit := 8 * end; bit < 8*len(whole); bit++ {
		checkCorruption(t, all.with(segment(1), flipBit(whole, bit)), segment(1))
	}
}

func TestFlippedBitInSegmentHeaderIsCorruption(t *testing.T) {
	all, _ := rolledLog(t)
	for _, name := range []string{segment(1), segment(3)} {
		for bit := range 8 * eventlog.SegmentHeaderBytes {
			if bit >= 64 && bit < 80 {
				continue // a different version
			}
			checkCorruption(t, all.with(name, flipBit(all[name], bit)), name)
		}
	}
}

func TestUnknownVersionIsNotCorruption(t *testing.T) {
	all, _ := rolledLog(t)
	for _, name := range []string{segment(1), segment(3)} {
		for bit := 64; bit < 80; bit++ {
			changed := all.with(name, flipBit(all[name], bit))
			mem := changed.mem(t)
			_, err := openLog(mem, small)
			var corruption *vfs.CorruptionError
			if !errors.Is(err, vfs.ErrVersion) || errors.As(err, &corruption) {
				t.Errorf("the error is %v", err)
			}
			if err != nil && !strings.Contains(err.Error(), name) {
				t.Errorf("%q does not name the file", err)
			}
			checkFiles(t, contents(t, mem), changed)
		}
	}
}

func TestLostGroupBeforeLastIsCorruption(t *testing.T) {
	l, mem := newLog(t)
	l.commit(1, "first")
	lost := l.commit(1, "lost")
	l.commit(1, "third")
	all := contents(t, mem)
	whole := all[segment(1)]
	gone := strings.Repeat("\x00", end(lost)-int(lost.Offset))
	checkCorruption(t, all.with(segment(1), whole[:lost.Offset]+gone+whole[end(lost):]), segment(1))
}

func TestCorruptionIsDetectedBeforeDistantGroup(t *testing.T) {
	options := eventlog.Options{NewID: newID}
	mem := vfs.NewMem()
	l := openTestLog(t, mem, options)
	first := l.commit(1, strings.Repeat("large", 600_000)) // more than the scanner reads at a time
	l.commit(1, "next")
	all := contents(t, mem)
	checkCorruption(t, all.with(segment(1), flipBit(all[segment(1)], 8*int(first.Offset)+3)), segment(1))
}

func TestCorruptionErrorNamesOffsets(t *testing.T) {
	all, last := killedLog(t)
	changed := all.with(segment(1), flipBit(all[segment(1)], 8*(int(last.Offset)-1)))
	_, err := openLog(changed.mem(t), small)
	want := segment(1) + " at byte 149: corrupt, but followed by a valid group at byte 229"
	if err == nil || err.Error() != want {
		t.Errorf("the error is %v, want %s", err, want)
	}
}

func TestTruncatedSegmentHeaderIsCorruption(t *testing.T) {
	all, _ := killedLog(t)
	for size := range eventlog.SegmentHeaderBytes {
		checkCorruption(t, all.with(segment(1), all[segment(1)][:size]), segment(1))
	}
}
