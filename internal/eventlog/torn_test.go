package eventlog_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// killedLog returns the files of a log with three groups whose process was killed, and
// the last group.
func killedLog(t testing.TB) (files, eventlog.Group) {
	l, mem := newLog(t)
	l.commit(1, "first")
	l.commit(2, "second and third")
	last := l.commit(3, "fourth, fifth and sixth")
	return contents(t, mem), last
}

// end returns the offset after a group.
func end(g eventlog.Group) int { return int(g.End().Offset) }

func TestKilledLogHasNoTornWrite(t *testing.T) {
	all, last := killedLog(t)
	mem := all.mem(t)
	l := openTestLog(t, mem, small)
	if l.Torn() != nil || l.Tail() != last.Tail() {
		t.Errorf("torn is %v, and the tail %+v", l.Torn(), l.Tail())
	}
	l.checkPayloads("first", "second and third", "fourth, fifth and sixth")
	checkFiles(t, contents(t, mem), all)
}

// checkRecovery opens a killedLog whose last group may be changed. It fails unless all
// valid groups are recovered and the rest is reported as torn and removed.
func checkRecovery(t testing.TB, all files, last eventlog.Group) {
	t.Helper()
	whole, _ := killedLog(t)
	content, start := all[segment(1)], int(last.Offset)
	intact := len(content) >= end(last) && content[start:end(last)] == whole[segment(1)][start:end(last)]
	if intact {
		start = end(last)
	}
	tornEnd := len(strings.TrimRight(content[start:], "\x00")) + start

	mem := all.mem(t)
	l := openTestLog(t, mem, small)
	defer l.Close(false)
	payloads := []string{"first", "second and third", string(last.Payload)}
	if !intact {
		payloads = payloads[:2]
	}
	l.checkPayloads(payloads...)
	switch torn := l.Torn(); {
	case tornEnd == start && torn != nil:
		t.Errorf("torn is %v", torn)
	case tornEnd > start:
		want := eventlog.Torn{File: segment(1), From: int64(start), To: int64(tornEnd), Position: l.Tail().Next}
		if torn == nil || *torn != want {
			t.Errorf("torn is %v, want %v", torn, &want)
		}
	}
	after := read(t, mem, segment(1))
	if after[:start] != content[:start] || strings.Trim(after[start:], "\x00") != "" {
		t.Error("valid bytes have changed, or torn bytes are left")
	}
}

func TestLastGroupWithoutItsEndIsTruncated(t *testing.T) {
	all, last := killedLog(t)
	whole := all[segment(1)]
	for at := int(last.Offset); at <= end(last); at++ {
		checkRecovery(t, all.with(segment(1), whole[:at]+strings.Repeat("\x00", len(whole)-at)), last)
	}
}

func TestLastGroupInShortFileIsTruncated(t *testing.T) {
	all, last := killedLog(t)
	for at := int(last.Offset); at <= end(last); at++ {
		checkRecovery(t, all.with(segment(1), all[segment(1)][:at]), last)
	}
}

func TestLastGroupWithoutItsStartIsTruncated(t *testing.T) {
	all, last := killedLog(t)
	whole := all[segment(1)]
	for n := range end(last) - int(last.Offset) + 1 {
		checkRecovery(t, all.with(segment(1), whole[:last.Offset]+strings.Repeat("\x00", n)+whole[int(last.Offset)+n:]), last)
	}
}

func TestLastGroupWithFlippedBitIsTruncated(t *testing.T) {
	all, last := killedLog(t)
	for bit := 8 * int(last.Offset); bit < 8*end(last); bit++ {
		checkRecovery(t, all.with(segment(1), flipBit(all[segment(1)], bit)), last)
	}
}

func TestGarbageAfterTheEndIsTruncated(t *testing.T) {
	all, last := killedLog(t)
	whole := all[segment(1)]
	for _, at := range []int{end(last), end(last) + 1, end(last) + 100, len(whole) - 7, len(whole)} {
		checkRecovery(t, all.with(segment(1), whole[:at]+"garbage"+whole[min(at+7, len(whole)):]), last)
	}
}

func TestGarbageInEmptyLogIsTruncated(t *testing.T) {
	_, mem := newLog(t)
	all := contents(t, mem)
	all[segment(1)] += "garbage"
	mem = all.mem(t)
	l := openTestLog(t, mem, small)
	if torn := l.Torn(); torn == nil || torn.From != eventlog.SegmentHeaderBytes || torn.Position != 1 {
		t.Errorf("torn is %v", torn)
	}
	l.checkPayloads()
}

func TestTruncatedLogCanBeWritten(t *testing.T) {
	all, last := killedLog(t)
	mem := all.with(segment(1), flipBit(all[segment(1)], 8*end(last)-1)).mem(t)
	l := openTestLog(t, mem, small)
	if g := l.commit(1, "fourth again"); g.Offset != last.Offset || g.Index != last.Index || g.First != last.First {
		t.Errorf("the group has the wrong offset, index or position: %+v", g)
	}
	l = openTestLog(t, mem, small)
	l.checkPayloads("first", "second and third", "fourth again")
	if l.Torn() != nil {
		t.Errorf("torn is %v", l.Torn())
	}
}

// A read error is not a torn write.
func TestRecoveryWithReadErrorTruncatesNothing(t *testing.T) {
	mem := vfs.NewMem()
	options := eventlog.Options{SegmentBytes: 2 << 20, NewID: newID}
	l := openTestLog(t, mem, options)
	l.commit(1, "first")
	last := l.commit(1, strings.Repeat("y", 3<<19)) // more than the scanner reads at a time
	all := contents(t, mem)
	all = all.with(segment(1), flipBit(all[segment(1)], 8*end(last)-1))
	for n := 1; ; n++ {
		mem, reads := all.mem(t), 0
		broken := errors.New("I/O error")
		_, err := openLog(vfs.Observe(mem, func(op vfs.Op) error {
			if op.Kind == "read" {
				reads++
			}
			if op.Kind == "read" && reads == n {
				return broken
			}
			return nil
		}), options)
		if err == nil {
			if n < 6 {
				t.Errorf("there were only %d reads", reads)
			}
			return
		}
		var corruption *vfs.CorruptionError
		if !errors.Is(err, broken) || errors.As(err, &corruption) {
			t.Errorf("read %d: %v", n, err)
		}
		checkFiles(t, contents(t, mem), all)
	}
}

func TestTornString(t *testing.T) {
	all, last := killedLog(t)
	l := openTestLog(t, all.with(segment(1), flipBit(all[segment(1)], 8*end(last)-1)).mem(t), small)
	if want := segment(1) + ": bytes 229 to 316, from position 4 on"; l.Torn().String() != want {
		t.Errorf("String() = %q, want %q", l.Torn(), want)
	}
}
