package eventlog_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

const dir = "db/log"

// storeID is the same always, so that the same log has the same bytes.
var storeID = eventlog.StoreID([]byte("a store for test"))

func newID() (eventlog.StoreID, error) { return storeID, nil }

// small makes segments that are rolled after a few groups.
var small = eventlog.Options{SegmentBytes: 4096, NewID: newID}

// clock gives the commit time of a group.
func clock(index uint64) int64 { return 1_700_000_000_000_000_000 + int64(index)*1000 }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// book is an open log to write in.
type book struct {
	t  testing.TB
	fs vfs.FS
	*eventlog.Log
}

func open(t testing.TB, fs vfs.FS, options eventlog.Options) *book {
	t.Helper()
	log, err := openLog(fs, options)
	must(t, err)
	return &book{t, fs, log}
}

// openLog opens the log with its directory, which is made if need be.
func openLog(fs vfs.FS, options eventlog.Options) (*eventlog.Log, error) {
	if !options.ReadOnly {
		if err := fs.MkdirAll(dir); err != nil {
			return nil, err
		}
	}
	d, err := fs.OpenDir(dir)
	if err != nil {
		return nil, err
	}
	return eventlog.Open(d, options)
}

// begin opens a new log in memory.
func begin(t testing.TB) (*book, *vfs.Mem) {
	t.Helper()
	mem := vfs.NewMem()
	return open(t, mem, small), mem
}

// commit makes a group of some events durable.
func (b *book) commit(events int, payload string) eventlog.Group {
	b.t.Helper()
	at, err := b.Reserve(0, len(payload))
	must(b.t, err)
	s := b.seal(events, payload)
	if s.PayloadOffset() != at {
		b.t.Fatalf("the payload lies at %d, and was reserved at %d", s.PayloadOffset(), at)
	}
	b.write(s)
	return s.Group
}

func (b *book) seal(events int, payload string) *eventlog.Sealed {
	bytes := append(make([]byte, eventlog.GroupPrefix), payload...)
	return b.Seal(bytes, eventlog.KindRecords, events, clock(b.Tail().Index+1))
}

func (b *book) write(s *eventlog.Sealed) {
	b.t.Helper()
	must(b.t, b.Write(s))
	must(b.t, b.Sync())
}

// has fails unless the log holds groups with these payloads, up to its end.
func (b *book) has(payloads ...string) {
	b.t.Helper()
	var have []string
	for g, err := range b.Groups(b.Start(), b.Tail().Index) {
		must(b.t, err)
		have = append(have, string(g.Payload))
	}
	if !slices.Equal(have, payloads) {
		b.t.Errorf("the log has %.40q, not %.40q", have, payloads)
	}
}

// names gives the names of the segments.
func (b *book) names() (names []string) {
	for _, s := range b.Segments() {
		names = append(names, filepath.Base(s.Name))
	}
	return names
}

// files is the content of a file system: path to bytes.
type files map[string]string

func read(t testing.TB, fs *vfs.Mem, name string) string {
	t.Helper()
	f, err := fs.Open(name)
	must(t, err)
	defer f.Close()
	size, err := f.Size()
	must(t, err)
	b, err := io.ReadAll(io.NewSectionReader(f, 0, size))
	must(t, err)
	return string(b)
}

// image gives all that a file system holds.
func image(t testing.TB, mem *vfs.Mem) files {
	t.Helper()
	all := files{}
	for _, name := range mem.Files() {
		all[name] = read(t, mem, name)
	}
	return all
}

// mem gives a file system that holds the files, durably.
func (all files) mem(t testing.TB) *vfs.Mem {
	t.Helper()
	mem := vfs.NewMem()
	for name, content := range all {
		must(t, mem.MkdirAll(filepath.Dir(name)))
		f, err := mem.Create(name)
		must(t, err)
		_, err = f.WriteAt([]byte(content), 0)
		must(t, err)
		must(t, errors.Join(f.Sync(), f.Close(), mem.SyncDir(filepath.Dir(name))))
	}
	return mem
}

// with gives the files with one of them changed.
func (all files) with(name, content string) files {
	changed := maps.Clone(all)
	changed[name] = content
	return changed
}

// segment gives the path of the segment that begins at a position.
func segment(base int) string { return filepath.Join(dir, fmt.Sprintf("%020d.log", base)) }

// same fails unless two file systems hold the same.
func same(t testing.TB, have, want files) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if content, there := have[name]; !there {
			t.Errorf("%s is gone", name)
		} else if content != want[name] {
			t.Errorf("%s has changed", name)
		}
	}
	for name := range have {
		if _, there := want[name]; !there {
			t.Errorf("%s is new", name)
		}
	}
}

// damaged fails unless opening says that a file is damaged, and changes nothing.
func damaged(t testing.TB, all files, name string) {
	t.Helper()
	mem := all.mem(t)
	_, err := openLog(mem, small)
	var damage *vfs.CorruptionError
	if !errors.As(err, &damage) || damage.File != name {
		t.Errorf("the error is %v, not that %s is damaged", err, name)
	}
	same(t, image(t, mem), all)
}

func flip(content string, bit int) string {
	b := []byte(content)
	b[bit/8] ^= 1 << (bit % 8)
	return string(b)
}
