package store_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// These tests compare docs/format.md with files written by a store. They follow the
// document and do not use the code that reads the files.

const (
	docLog   = "log/00000000000000000001.log"
	docBlock = "index/00000000000000000001-00000000000000000001.idx"
)

// docStore is the ID of the store in the document.
var docStore = eventlog.StoreID([]byte("a store for docs"))

// writtenFiles returns the files of a store with the ID docStore after act, by their path
// in the store's directory. The store runs on a fake clock.
func writtenFiles(t *testing.T, blockEvents int, act func(t *testing.T, s *store.Store)) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	synctest.Test(t, func(t *testing.T) {
		disk := vfs.NewMem()
		log, _, _, err := eventlog.Open(openDir(t, disk, filepath.Join(crashDir, "log")), eventlog.Options{
			NewID: func() (eventlog.StoreID, error) { return docStore, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := log.Close(nil, nil); err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(crashDir, &store.Options{FS: disk, BlockEvents: blockEvents})
		if err != nil {
			t.Fatal(err)
		}
		act(t, s)
		synctest.Wait() // until the block is written
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for _, path := range disk.Files() {
			name, _ := filepath.Rel(crashDir, path)
			files[filepath.ToSlash(name)] = content(t, disk, path)
		}
	})
	return files
}

func content(t *testing.T, fs *vfs.Mem, path string) []byte {
	t.Helper()
	f, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<30))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustRecord(t *testing.T, s *store.Store, events []dcb.Event, tracked uint64) {
	t.Helper()
	if _, err := s.Append(t.Context(), events, nil, &dcb.TrackingInfo{Source: "web", Position: tracked}); err != nil {
		t.Fatal(err)
	}
}

// docFiles returns the files that the document shows.
func docFiles(t *testing.T) map[string][]byte {
	t.Helper()
	return writtenFiles(t, 2, func(t *testing.T, s *store.Store) {
		mustRecord(t, s, []dcb.Event{
			{Type: "Enrolled", Tags: []string{"course:1", "student:ann"}, Data: []byte("{}"), UUID: "6f1ed002-ab5c-4b5f-8d3a-0c7c1f2e9b41"},
			{Type: "Paid", Tags: []string{"student:ann"}, Metadata: []dcb.Metadata{{Key: "by", Value: "card"}}},
		}, 300)
		time.Sleep(time.Second)
		mustRecord(t, s, nil, 301)
	})
}

func formatDocument(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "format.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var dumpLine = regexp.MustCompile(`^([0-9a-f]{8})  ((?:[0-9a-f]{2} ){0,15}[0-9a-f]{2})(?:\s+(\S.*))?$`)

// dumped is a line of a dump in the document: bytes and their description.
type dumped struct {
	at    int
	bytes []byte
	note  string
}

// dump returns the lines of the dump of a file, without those that stand for others
// ("...") and those between pages.
func dump(t *testing.T, file string) (lines []dumped) {
	t.Helper()
	_, rest, found := strings.Cut(formatDocument(t), "<!-- bytes: "+file+" -->\n```text\n")
	block, _, ends := strings.Cut(rest, "```")
	if !found || !ends {
		t.Fatalf("the document has no dump of %s", file)
	}
	for line := range strings.Lines(block) {
		match := dumpLine.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if match == nil {
			continue
		}
		at, _ := strconv.ParseInt(match[1], 16, 64)
		b, _ := hex.DecodeString(strings.ReplaceAll(match[2], " ", ""))
		lines = append(lines, dumped{int(at), b, match[3]})
	}
	return lines
}

func TestDocumentedDumpsMatchFiles(t *testing.T) {
	files := docFiles(t)
	for _, name := range []string{docLog, docBlock} {
		file, end := files[name], 0
		for _, line := range dump(t, name) {
			if line.at < end || name == docLog && line.at != end {
				t.Fatalf("%s: the line of byte %#x follows byte %#x", name, line.at, end)
			}
			end = line.at + len(line.bytes)
			if end > len(file) || !bytes.Equal(line.bytes, file[line.at:end]) {
				t.Fatalf("%s at %#x is % x in the document (%s), but a store writes\n%s", name, line.at, line.bytes, line.note, hex.Dump(file[line.at:min(len(file), line.at+64)]))
			}
		}
		if end != len(file) || len(file) == 0 {
			t.Errorf("%s: the dump ends at %#x, but the file at %#x", name, end, len(file))
		}
	}
}

// row is a row of a table in the document.
type row struct {
	offset, size int
	field        string
}

var (
	sizedHeading = regexp.MustCompile(`(?m)^### (.+), (\d+) bytes$`)
	tableRow     = regexp.MustCompile(`^\| (\d+) \| (\d+) \| (.+) \|$`)
)

// layouts returns the tables below headings that contain a size, and fails unless the
// fields of each are contiguous and add up to the size.
func layouts(t *testing.T) map[string][]row {
	t.Helper()
	document, tables := formatDocument(t), map[string][]row{}
	for _, found := range sizedHeading.FindAllStringSubmatchIndex(document, -1) {
		name, text := document[found[2]:found[3]], document[found[1]:]
		size, _ := strconv.Atoi(document[found[4]:found[5]])
		if next := strings.Index(text, "\n#"); next >= 0 {
			text = text[:next]
		}
		end := 0
		for line := range strings.Lines(text) {
			match := tableRow.FindStringSubmatch(strings.TrimRight(line, "\n"))
			if match == nil {
				continue
			}
			r := row{field: match[3]}
			r.offset, _ = strconv.Atoi(match[1])
			r.size, _ = strconv.Atoi(match[2])
			if r.offset != end {
				t.Errorf("%s: field %q is at %d, but the previous one ends at %d", name, r.field, r.offset, end)
			}
			end += r.size
			tables[name] = append(tables[name], r)
		}
		if end != size {
			t.Errorf("%s: the fields take %d bytes, not %d", name, end, size)
		}
	}
	return tables
}

// le returns a number as a little-endian field of the given size.
func le(size int, value uint64) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, value), make([]byte, size)...)[:size]
}

func crc(parts ...[]byte) uint64 {
	return uint64(crc32.Checksum(bytes.Join(parts, nil), crc32.MakeTable(crc32.Castagnoli)))
}

// mustHaveFields fails unless the fields of a table have the expected values, each an
// int, a uint64 or a []byte.
func mustHaveFields(t *testing.T, b []byte, table []row, values ...any) {
	t.Helper()
	if len(table) != len(values) {
		t.Fatalf("the table has %d fields, want %d", len(table), len(values))
	}
	for i, r := range table {
		var want []byte
		switch v := values[i].(type) {
		case int:
			want = le(r.size, uint64(v))
		case uint64:
			want = le(r.size, v)
		case []byte:
			want = v
		}
		if have := b[r.offset:][:r.size]; !bytes.Equal(have, want) {
			t.Errorf("%q is % x, want % x", r.field, have, want)
		}
	}
}

func TestLogLayoutIsAsDocumented(t *testing.T) {
	tables, b := layouts(t), docFiles(t)[docLog]
	zero := 0
	mustHaveFields(t, b, tables["Segment header"], []byte("UmaDBlog"), 1, zero, docStore[:], 1, 0, 0, 0, 0, zero, crc(b[:76]))

	second := uint64(time.Date(2000, 1, 1, 0, 0, 1, 0, time.UTC).UnixNano()) // one second after the start of synctest's clock
	at, chain := 80, uint64(0)
	for _, g := range []struct{ kind, events, index, first, payload int }{{1, 2, 1, 1, 138}, {1, 0, 2, 3, 10}, {2, 0, 3, 3, 0}} {
		h, payload := b[at:at+64], b[at+64:at+64+g.payload]
		committed := second
		if g.index == 1 {
			committed -= uint64(time.Second)
		}
		chain = xxh3.Hash(append(le(8, chain), h[4:56]...))
		mustHaveFields(t, h, tables["Group header"], crc(docStore[:], h[4:64]), crc(payload), g.kind, zero, g.events, 1, g.index, committed, g.first, g.payload, zero, chain)
		at += 64 + g.payload
	}
	if at != len(b) {
		t.Errorf("the last group ends at %d, but the file at %d", at, len(b))
	}
}

// The dumps of headers have one line for each field of the tables.
func TestDocumentedDumpsFollowTables(t *testing.T) {
	tables := layouts(t)
	follow := func(lines []dumped, start int, table string) {
		for _, r := range tables[table] {
			for r.size > 0 && len(lines) > 0 && lines[0].at < start+r.offset {
				lines = lines[1:]
			}
			if len(lines) == 0 || lines[0].at != start+r.offset || r.size <= 16 && len(lines[0].bytes) != r.size {
				t.Errorf("%s at %#x: no line for the field %q", table, start, r.field)
			}
		}
	}
	follow(dump(t, docLog), 0, "Segment header")
	for _, at := range []int{0x50, 0x11a, 0x164} {
		follow(dump(t, docLog), at, "Group header")
	}
	tables["Header page"] = tables["Header page"][:15] // the rest is zeros
	follow(dump(t, docBlock), 0, "Header page")
	for _, at := range []int{0x2000, 0x200c} {
		follow(dump(t, docBlock), at, "Location")
	}
}
