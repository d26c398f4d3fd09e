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

// storeID is fixed, so that the same log always has the same bytes.
var storeID = eventlog.StoreID([]byte("a store for test"))

func newID() (eventlog.StoreID, error) { return storeID, nil }

// small are options with segments for a few groups only.
var small = eventlog.Options{SegmentBytes: 4096, NewID: newID}

// clock returns the commit time of a group.
func clock(index uint64) int64 { return 1_700_000_000_000_000_000 + int64(index)*1000 }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// testLog is an open log with methods that fail the test.
type testLog struct {
	t  testing.TB
	fs vfs.FS
	*eventlog.Log
	*eventlog.Appender
	*eventlog.Writer
}

// Tail returns the planned end of the log.
func (l *testLog) Tail() eventlog.Tail {
	if l.Appender == nil { // the log is read-only
		return l.OpenedTail()
	}
	return l.Appender.Tail()
}

// Close closes the log, with a clean-close record if clean is set.
func (l *testLog) Close(clean bool) error {
	if clean {
		return l.Log.Close(l.Appender, l.Writer)
	}
	return l.Log.Close(nil, nil)
}

func openTestLog(t testing.TB, fs vfs.FS, options eventlog.Options) *testLog {
	t.Helper()
	log, err := openLog(fs, options)
	must(t, err)
	log.t = t
	return log
}

// openLog opens the log in dir. It creates the directory if necessary.
func openLog(fs vfs.FS, options eventlog.Options) (*testLog, error) {
	if !options.ReadOnly {
		if err := fs.MkdirAll(dir); err != nil {
			return nil, err
		}
	}
	d, err := fs.OpenDir(dir)
	if err != nil {
		return nil, err
	}
	log, appender, writer, err := eventlog.Open(d, options)
	return &testLog{fs: fs, Log: log, Appender: appender, Writer: writer}, err
}

// newLog opens a new log in memory.
func newLog(t testing.TB) (*testLog, *vfs.Mem) {
	t.Helper()
	mem := vfs.NewMem()
	return openTestLog(t, mem, small), mem
}

// commit writes and syncs a group.
func (l *testLog) commit(events int, payload string) eventlog.Group {
	l.t.Helper()
	at, err := l.Reserve(0, len(payload))
	must(l.t, err)
	s := l.seal(events, payload)
	if s.PayloadOffset() != at {
		l.t.Fatalf("the payload is at %d, but was reserved at %d", s.PayloadOffset(), at)
	}
	l.write(s)
	return s.Group
}

func (l *testLog) seal(events int, payload string) *eventlog.Sealed {
	bytes := append(make([]byte, eventlog.GroupPrefix), payload...)
	return l.Seal(bytes, eventlog.KindRecords, events, clock(l.Tail().Index+1))
}

func (l *testLog) write(s *eventlog.Sealed) {
	l.t.Helper()
	must(l.t, l.Write(s))
	must(l.t, l.Sync())
}

// checkPayloads fails unless the groups of the log have exactly these payloads.
func (l *testLog) checkPayloads(payloads ...string) {
	l.t.Helper()
	var have []string
	for g, err := range l.Groups(l.Start(), l.Tail().Index) {
		must(l.t, err)
		have = append(have, string(g.Payload))
	}
	if !slices.Equal(have, payloads) {
		l.t.Errorf("payloads = %.40q, want %.40q", have, payloads)
	}
}

// names returns the file names of the segments.
func (l *testLog) names() (names []string) {
	for _, s := range l.Segments() {
		names = append(names, filepath.Base(s.Name))
	}
	return names
}

// files is the content of a file system by path.
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

// contents returns the content of all files.
func contents(t testing.TB, mem *vfs.Mem) files {
	t.Helper()
	all := files{}
	for _, name := range mem.Files() {
		all[name] = read(t, mem, name)
	}
	return all
}

// mem returns a file system with the files, all durable.
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

// with returns a copy in which one file has other content.
func (all files) with(name, content string) files {
	changed := maps.Clone(all)
	changed[name] = content
	return changed
}

// segment returns the path of the segment that starts at a position.
func segment(base int) string { return filepath.Join(dir, fmt.Sprintf("%020d.log", base)) }

// checkFiles fails unless have and want are equal.
func checkFiles(t testing.TB, have, want files) {
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

// checkCorruption fails unless opening the log returns a CorruptionError for the named
// file and changes nothing.
func checkCorruption(t testing.TB, all files, name string) {
	t.Helper()
	mem := all.mem(t)
	_, err := openLog(mem, small)
	var corruption *vfs.CorruptionError
	if !errors.As(err, &corruption) || corruption.File != name {
		t.Errorf("the error is %v, want a CorruptionError for %s", err, name)
	}
	checkFiles(t, contents(t, mem), all)
}

func flipBit(content string, bit int) string {
	b := []byte(content)
	b[bit/8] ^= 1 << (bit % 8)
	return string(b)
}
