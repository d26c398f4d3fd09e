package eventlog_test

import (
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// groupKinds returns the kinds of the groups in a log.
func groupKinds(t *testing.T, mem *vfs.Mem) (kinds []eventlog.Kind) {
	l := openTestLog(t, mem, small)
	for g, err := range l.Groups(l.Start(), l.Tail().Index) {
		must(t, err)
		kinds = append(kinds, g.Kind)
	}
	return kinds
}

func TestClosedLogEndsWithCleanCloseRecord(t *testing.T) {
	all, end := closedLog(t)
	if size := len(all[segment(1)]); size != end+eventlog.GroupPrefix {
		t.Errorf("the log has %d bytes, and its clean-close record is at %d", size, end)
	}
	l := openTestLog(t, all.mem(t), small)
	l.checkPayloads("first", "second and third", "fourth, fifth and sixth", "")
	g, valid, err := l.HeaderAt(1, int64(end))
	if !valid || err != nil || g.Kind != eventlog.KindClose || g.Count != 0 || g.PayloadBytes != 0 || g.First != 7 || g.Time != clock(3) {
		t.Errorf("the clean-close record is %+v, %v", g, err)
	}
}

func TestClosingAgainWritesNoSecondRecord(t *testing.T) {
	all, _ := closedLog(t)
	mem := all.mem(t)
	for range 3 {
		must(t, openTestLog(t, mem, small).Close(true))
		checkFiles(t, contents(t, mem), all)
	}
}

func TestEmptyLogIsClosedAndReopened(t *testing.T) {
	l, mem := newLog(t)
	must(t, l.Close(true))
	all := contents(t, mem)
	if size := len(all[segment(1)]); size != eventlog.SegmentHeaderBytes+eventlog.GroupPrefix {
		t.Errorf("the log has %d bytes", size)
	}
	must(t, openTestLog(t, mem, small).Close(true))
	checkFiles(t, contents(t, mem), all)
}

func TestEachSessionWithWritesEndsWithCleanCloseRecord(t *testing.T) {
	mem := vfs.NewMem()
	for range 2 {
		l := openTestLog(t, mem, small)
		l.commit(1, "text")
		must(t, l.Close(true))
	}
	want := []eventlog.Kind{eventlog.KindRecords, eventlog.KindClose, eventlog.KindRecords, eventlog.KindClose}
	have := groupKinds(t, mem)
	if len(have) != len(want) || have[1] != want[1] || have[2] != want[2] || have[3] != want[3] {
		t.Errorf("the groups have kinds %v, want %v", have, want)
	}
}

func TestCloseTruncatesUnusedPreallocatedSpace(t *testing.T) {
	all, _ := closedLog(t)
	mem := all.mem(t)
	l := openTestLog(t, mem, small)
	must(t, l.Preallocate())
	must(t, l.Close(true))
	checkFiles(t, contents(t, mem), all)
}

func TestCloseWithoutCleanWritesNothing(t *testing.T) {
	l, mem := newLog(t)
	l.commit(1, "text")
	was := contents(t, mem)
	must(t, l.Close(false))
	checkFiles(t, contents(t, mem), was)
}

func TestCleanCloseRecordFitsAfterFullSegment(t *testing.T) {
	d, fs := newFullDisk()
	l := openTestLog(t, fs, small)
	full := int(small.SegmentBytes) - eventlog.SegmentHeaderBytes - eventlog.GroupPrefix
	l.commit(1, strings.Repeat("x", full))
	d.refuse["allocate"], d.refuse["create"] = true, true
	must(t, l.Close(true))
	if names := d.Files(); len(names) != 1 {
		t.Errorf("the files are %q", names)
	}
	openTestLog(t, d.Mem, small).checkPayloads(strings.Repeat("x", full), "")
}

// A failed store is closed without a clean-close record, because its planned groups
// were not written.
func TestCloseClosesEveryFile(t *testing.T) {
	mem := vfs.NewMem()
	files := map[vfs.File]bool{}
	l := openTestLog(t, counted{mem, files}, small)
	l.commit(1, strings.Repeat("x", 3000))
	l.commit(1, strings.Repeat("y", 3000))
	must(t, l.Preallocate())
	_, err := l.Reserve(0, 3000)
	must(t, err)
	l.seal(1, strings.Repeat("z", 3000)) // never written
	must(t, l.Preallocate())
	must(t, l.Close(false))
	if len(files) != 0 {
		t.Errorf("%d files are still open", len(files))
	}
}

// counted is a file system that tracks open files.
type counted struct {
	vfs.FS
	open map[vfs.File]bool
}

func (c counted) OpenDir(path string) (vfs.Dir, error) {
	d, err := c.FS.OpenDir(path)
	return countedDir{d, c.open}, err
}

type countedDir struct {
	vfs.Dir
	open map[vfs.File]bool
}

type countedFile struct {
	vfs.File
	open map[vfs.File]bool
}

func (c countedDir) note(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	noted := &countedFile{f, c.open}
	c.open[noted] = true
	return noted, nil
}

func (c countedDir) Create(name string) (vfs.File, error)    { return c.note(c.Dir.Create(name)) }
func (c countedDir) Open(name string) (vfs.File, error)      { return c.note(c.Dir.Open(name)) }
func (c countedDir) OpenWrite(name string) (vfs.File, error) { return c.note(c.Dir.OpenWrite(name)) }

func (f *countedFile) Close() error {
	delete(f.open, f)
	return f.File.Close()
}

func TestFailedOpenClosesEveryFile(t *testing.T) {
	all, _ := rolledLog(t)
	for _, broken := range []string{segment(1), segment(3), segment(5)} {
		open := map[vfs.File]bool{}
		mem := all.with(broken, flipBit(all[broken], 8*32)).mem(t)
		if _, err := openLog(counted{mem, open}, small); err == nil {
			t.Errorf("the corruption of %s is not detected", broken)
		}
		if len(open) != 0 {
			t.Errorf("%d files are still open", len(open))
		}
	}
}
