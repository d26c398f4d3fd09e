package eventlog_test

import (
	"encoding/hex"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// newVersion explains a difference in the golden bytes.
const newVersion = "existing stores could no longer be read, so this needs a new format version and a reader for the old one"

func TestSegmentHeaderBytesNeverChange(t *testing.T) {
	tail := eventlog.Tail{Index: 0x0102030405060708, Chain: 0x1112131415161718, Time: 0x2122232425262728, Next: 0x3132333435363738}
	golden(t, "header.hex", hex.Dump(eventlog.EncodeSegmentHeader(storeID, 0x4142434445464748, tail)), newVersion)
}

func TestSegmentBytesNeverChange(t *testing.T) {
	l, mem := newLog(t)
	l.commit(2, "the payload of two events")
	l.commit(0, "of none")
	must(t, l.Close(true))
	golden(t, "segment.hex", hex.Dump([]byte(read(t, mem, segment(1)))), newVersion)
}

func TestCopyingBytesNeverChange(t *testing.T) {
	golden(t, "copying.hex", hex.Dump(eventlog.EncodeCopying(0x0102030405060708)), newVersion)
}

// Every store of this version can be read by later programs.
func TestGoldenSegmentCanBeRead(t *testing.T) {
	dump, err := os.ReadFile(filepath.Join("testdata", "segment.hex"))
	must(t, err)
	var content []byte
	for line := range strings.Lines(string(dump)) {
		digits, _, _ := strings.Cut(line[10:], "|")
		bytes, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		must(t, err)
		content = append(content, bytes...)
	}
	l := openTestLog(t, files{segment(1): string(content)}.mem(t), small)
	l.checkPayloads("the payload of two events", "of none", "")
	want := eventlog.Tail{Index: 3, Chain: 0xd242ecaed7c25faf, Time: clock(2), Next: 3}
	if l.Tail() != want {
		t.Errorf("the tail is %+v, not %+v", l.Tail(), want)
	}
}

func drawTail(t *rapid.T) eventlog.Tail {
	return eventlog.Tail{
		Index: rapid.Uint64Max(math.MaxInt64).Draw(t, "index"),
		Chain: rapid.Uint64().Draw(t, "chain"),
		Time:  rapid.Int64().Draw(t, "time"),
		Next:  rapid.Uint64Range(1, math.MaxInt64).Draw(t, "next"),
	}
}

func drawID(t *rapid.T) eventlog.StoreID {
	return eventlog.StoreID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
}

func TestSegmentHeaderRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id, tail := drawID(t), drawTail(t)
		previous := rapid.Uint64Max(tail.Next-1).Draw(t, "previous")
		haveID, havePrevious, haveTail, err := eventlog.DecodeSegmentHeader(eventlog.EncodeSegmentHeader(id, previous, tail))
		if err != nil || haveID != id || havePrevious != previous || haveTail != tail {
			t.Errorf("decoded %x, %d, %+v and %v", haveID, havePrevious, haveTail, err)
		}
	})
}

func TestGroupHeaderRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := drawID(t)
		h := eventlog.GroupHeader{
			Kind:         eventlog.Kind(rapid.Byte().Draw(t, "kind")),
			Count:        rapid.Uint32().Draw(t, "count"),
			Term:         rapid.Uint64().Draw(t, "term"),
			Index:        rapid.Uint64().Draw(t, "index"),
			Time:         rapid.Int64().Draw(t, "time"),
			First:        rapid.Uint64().Draw(t, "first"),
			PayloadBytes: rapid.Uint32().Draw(t, "bytes"),
			PayloadCRC:   rapid.Uint32().Draw(t, "crc"),
		}
		encoded := eventlog.EncodeGroupHeader(&h, id, rapid.Uint64().Draw(t, "chain"))
		if have, valid := eventlog.DecodeGroupHeader(encoded, id); !valid || have != h {
			t.Errorf("decoded %+v, %v", have, valid)
		}
		encoded[rapid.IntRange(0, len(encoded)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if have, valid := eventlog.DecodeGroupHeader(encoded, id); valid {
			t.Errorf("a flipped bit is not detected: %+v", have)
		}
	})
}

// The version is checked first, because another version may have a different layout.
func TestVersionIsCheckedFirst(t *testing.T) {
	header := eventlog.EncodeSegmentHeader(storeID, 0, eventlog.Tail{Next: 1})
	header[8] = 2
	for _, b := range [][]byte{header, append(append([]byte(nil), header[:12]...), strings.Repeat("?", 80)...)} {
		_, _, _, err := eventlog.DecodeSegmentHeader(b)
		if !errors.Is(err, vfs.ErrVersion) || !strings.Contains(err.Error(), "version 2; this program supports version 1") {
			t.Errorf("the error is %v", err)
		}
	}
}
