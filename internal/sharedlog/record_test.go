package sharedlog_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

const maxGroup = 1 << 20

// text returns n bytes that can be compressed.
func text(n int) []byte { return bytes.Repeat([]byte("event "), n/6+1)[:n] }

// noise returns n bytes that cannot be compressed.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

func encode(t rapid.TB, e sharedlog.Envelope, group []byte) []byte {
	t.Helper()
	record, err := sharedlog.Encode(e, group)
	if err != nil {
		t.Fatal(err)
	}
	return record
}

func TestRecordGolden(t *testing.T) {
	want, err := os.ReadFile("testdata/record.hex")
	if err != nil {
		t.Fatal(err)
	}
	record := encode(t, envelope, []byte("the bytes of a group"))
	if have := hex.Dump(record); have != string(want) {
		t.Errorf("testdata/record.hex differs: other bytes need another version. Got\n%s", have)
	}
	if e, group, err := sharedlog.Decode(record); err != nil || e != envelope || string(group) != "the bytes of a group" {
		t.Errorf("decoded %v, %q, %v", e, group, err)
	}
}

var envelope = sharedlog.Envelope{Writer: sharedlog.ID([]byte("0123456789abcdef")), Address: "https://10.0.0.1:50051"}

func TestRecordsDecodeToWhatWasEncoded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := sharedlog.Envelope{
			Writer:  sharedlog.ID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "writer")),
			Address: rapid.StringN(0, -1, sharedlog.MaxAddress).Draw(t, "address"),

			StartsSegment: rapid.Bool().Draw(t, "starts a segment"),
		}
		group := rapid.OneOf(
			rapid.SliceOf(rapid.Byte()),
			rapid.Map(rapid.IntRange(0, maxGroup), text),
			rapid.Map(rapid.IntRange(0, maxGroup), noise),
		).Draw(t, "group")
		record, err := sharedlog.Encode(want, group)
		if err != nil {
			t.Fatal(err)
		}
		if len(record) > len(group)+sharedlog.Overhead {
			t.Fatalf("a group of %d bytes has a record of %d", len(group), len(record))
		}
		have, decoded, err := sharedlog.Decode(record)
		if err != nil || have != want || !bytes.Equal(decoded, group) {
			t.Fatalf("decoded %v, %d bytes, %v; want %v, %d bytes", have, len(decoded), err, want, len(group))
		}
	})
}

func TestOverheadIsThatOfTheLongestAddress(t *testing.T) {
	longest := sharedlog.Envelope{Address: strings.Repeat("a", sharedlog.MaxAddress)}
	if size := len(encode(t, longest, text(10_000))); size != 10_000+sharedlog.Overhead {
		t.Errorf("10,000 bytes have a record of %d bytes, want %d", size, 10_000+sharedlog.Overhead)
	}
}

func TestEncodeRefusesALongAddress(t *testing.T) {
	if _, err := sharedlog.Encode(sharedlog.Envelope{Address: strings.Repeat("a", sharedlog.MaxAddress+1)}, nil); err == nil {
		t.Error("no error")
	}
}

func TestDecodeRefuses(t *testing.T) {
	record := encode(t, envelope, text(100))
	for name, c := range map[string]struct {
		record []byte
		want   error
	}{
		"nothing":                 {nil, sharedlog.ErrCorrupt},
		"another magic":           {replace(record, 0, 'X'), sharedlog.ErrCorrupt},
		"a newer version":         {replace(record, 4, 2), sharedlog.ErrVersion},
		"a checksum":              {replace(record, 6, 'X'), sharedlog.ErrCorrupt},
		"a long address":          {replace(record, 22, 0xff), sharedlog.ErrCorrupt},
		"half of the envelope":    {record[:30], sharedlog.ErrCorrupt},
		"flags of a newer writer": {withFlags(record, 2), sharedlog.ErrVersion},
	} {
		if e, group, err := sharedlog.Decode(c.record); !errors.Is(err, c.want) || e != (sharedlog.Envelope{}) || group != nil {
			t.Errorf("%s: decoded %v, %d bytes, %v; want %v", name, e, len(group), err, c.want)
		}
	}
	for n := range len(record) - 100 {
		if _, _, err := sharedlog.Decode(record[:n]); !errors.Is(err, sharedlog.ErrCorrupt) {
			t.Errorf("%d bytes of %d: %v", n, len(record), err)
		}
	}
}

// replace returns a copy of the record with another byte.
func replace(record []byte, at int, b byte) []byte {
	changed := bytes.Clone(record)
	changed[at] = b
	return changed
}

// withFlags returns a copy of the record with other flags, and the checksum for them.
func withFlags(record []byte, flags byte) []byte {
	changed := replace(record, 5, flags)
	end := 23 + int(changed[22])
	binary.LittleEndian.PutUint32(changed[end:], crc32.Checksum(changed[:end], crc32.MakeTable(crc32.Castagnoli)))
	return changed
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(encode(f, envelope, text(10)))
	f.Fuzz(func(t *testing.T, record []byte) {
		e, group, err := sharedlog.Decode(record)
		if err != nil {
			if !errors.Is(err, sharedlog.ErrCorrupt) && !errors.Is(err, sharedlog.ErrVersion) {
				t.Errorf("error %v", err)
			}
			return
		}
		if again := encode(t, e, group); !bytes.Equal(again, record) {
			t.Errorf("%x is encoded as %x", record, again)
		}
	})
}
