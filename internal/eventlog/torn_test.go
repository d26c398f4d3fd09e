package eventlog_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// killed gives the files of a log of three groups whose process was killed, and
// the last group.
func killed(t testing.TB) (files, eventlog.Group) {
	b, mem := begin(t)
	b.commit(1, "first")
	b.commit(2, "second and third")
	last := b.commit(3, "fourth, fifth and sixth")
	return image(t, mem), last
}

// end is where a group ends.
func end(g eventlog.Group) int { return int(g.End().Offset) }

func TestAKilledLogEndsCleanly(t *testing.T) {
	all, last := killed(t)
	mem := all.mem(t)
	b := open(t, mem, small)
	if b.Torn() != nil || b.Tail() != last.Tail() {
		t.Errorf("torn is %v, and the tail %+v", b.Torn(), b.Tail())
	}
	b.has("first", "second and third", "fourth, fifth and sixth")
	same(t, image(t, mem), all)
}

// recovers opens files of the log of killed whose last group may be harmed, and
// fails unless just what is sound is recovered, and the rest reported.
func recovers(t testing.TB, all files, last eventlog.Group) {
	t.Helper()
	whole, _ := killed(t)
	content, start := all[segment(1)], int(last.Offset)
	intact := len(content) >= end(last) && content[start:end(last)] == whole[segment(1)][start:end(last)]
	if intact {
		start = end(last)
	}
	tornEnd := len(strings.TrimRight(content[start:], "\x00")) + start

	mem := all.mem(t)
	b := open(t, mem, small)
	defer b.Close(false)
	payloads := []string{"first", "second and third", string(last.Payload)}
	if !intact {
		payloads = payloads[:2]
	}
	b.has(payloads...)
	switch torn := b.Torn(); {
	case tornEnd == start && torn != nil:
		t.Errorf("torn is %v", torn)
	case tornEnd > start:
		want := eventlog.Torn{File: segment(1), From: int64(start), To: int64(tornEnd), Position: b.Tail().Next}
		if torn == nil || *torn != want {
			t.Errorf("torn is %v, not %v", torn, &want)
		}
	}
	after := read(t, mem, segment(1))
	if after[:start] != content[:start] || strings.Trim(after[start:], "\x00") != "" {
		t.Error("what is sound has changed, or what is torn is left")
	}
}

func TestALastGroupThatLacksItsEndIsCut(t *testing.T) {
	all, last := killed(t)
	whole := all[segment(1)]
	for at := int(last.Offset); at <= end(last); at++ {
		recovers(t, all.with(segment(1), whole[:at]+strings.Repeat("\x00", len(whole)-at)), last)
	}
}

func TestALastGroupThatEndsWithTheFileIsCut(t *testing.T) {
	all, last := killed(t)
	for at := int(last.Offset); at <= end(last); at++ {
		recovers(t, all.with(segment(1), all[segment(1)][:at]), last)
	}
}

func TestALastGroupThatLacksItsBeginningIsCut(t *testing.T) {
	all, last := killed(t)
	whole := all[segment(1)]
	for n := range end(last) - int(last.Offset) + 1 {
		recovers(t, all.with(segment(1), whole[:last.Offset]+strings.Repeat("\x00", n)+whole[int(last.Offset)+n:]), last)
	}
}

func TestALastGroupWithAWrongBitIsCut(t *testing.T) {
	all, last := killed(t)
	for bit := 8 * int(last.Offset); bit < 8*end(last); bit++ {
		recovers(t, all.with(segment(1), flip(all[segment(1)], bit)), last)
	}
}

func TestGarbageBehindTheEndIsCut(t *testing.T) {
	all, last := killed(t)
	whole := all[segment(1)]
	for _, at := range []int{end(last), end(last) + 1, end(last) + 100, len(whole) - 7, len(whole)} {
		recovers(t, all.with(segment(1), whole[:at]+"garbage"+whole[min(at+7, len(whole)):]), last)
	}
}

func TestGarbageInAnEmptyLogIsCut(t *testing.T) {
	_, mem := begin(t)
	all := image(t, mem)
	all[segment(1)] += "garbage"
	mem = all.mem(t)
	b := open(t, mem, small)
	if torn := b.Torn(); torn == nil || torn.From != eventlog.SegmentHeaderBytes || torn.Position != 1 {
		t.Errorf("torn is %v", torn)
	}
	b.has()
}

func TestACutLogIsWrittenFurther(t *testing.T) {
	all, last := killed(t)
	mem := all.with(segment(1), flip(all[segment(1)], 8*end(last)-1)).mem(t)
	b := open(t, mem, small)
	if g := b.commit(1, "fourth again"); g.Offset != last.Offset || g.Index != last.Index || g.First != last.First {
		t.Errorf("the group is in the wrong place: %+v", g)
	}
	b = open(t, mem, small)
	b.has("first", "second and third", "fourth again")
	if b.Torn() != nil {
		t.Errorf("torn is %v", b.Torn())
	}
}

// What cannot be read is not taken for torn: nothing is cut.
func TestARecoveryThatCannotReadCutsNothing(t *testing.T) {
	mem := vfs.NewMem()
	options := eventlog.Options{SegmentBytes: 2 << 20, NewID: newID}
	b := open(t, mem, options)
	b.commit(1, "first")
	last := b.commit(1, strings.Repeat("y", 3<<19)) // more than the scanner reads at a time
	all := image(t, mem)
	all = all.with(segment(1), flip(all[segment(1)], 8*end(last)-1))
	for n := 1; ; n++ {
		mem, reads := all.mem(t), 0
		broken := errors.New("the disk does not answer")
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
		var damage *vfs.CorruptionError
		if !errors.Is(err, broken) || errors.As(err, &damage) {
			t.Errorf("read %d: %v", n, err)
		}
		same(t, image(t, mem), all)
	}
}

func TestTornSaysWhatWasLost(t *testing.T) {
	all, last := killed(t)
	b := open(t, all.with(segment(1), flip(all[segment(1)], 8*end(last)-1)).mem(t), small)
	if want := segment(1) + ": bytes 229 to 316, from position 4 on"; b.Torn().String() != want {
		t.Errorf("it says %q, not %q", b.Torn(), want)
	}
}
