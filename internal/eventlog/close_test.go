package eventlog_test

import (
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// kinds gives the kinds of the groups in a log.
func kinds(t *testing.T, mem *vfs.Mem) (kinds []eventlog.Kind) {
	b := open(t, mem, small)
	for g, err := range b.Groups(b.Start(), b.Tail().Index) {
		must(t, err)
		kinds = append(kinds, g.Kind)
	}
	return kinds
}

func TestAClosedLogEndsWithAMark(t *testing.T) {
	all, mark := closed(t)
	if size := len(all[segment(1)]); size != mark+eventlog.GroupPrefix {
		t.Errorf("it has %d bytes, and its mark is at %d", size, mark)
	}
	b := open(t, all.mem(t), small)
	b.has("first", "second and third", "fourth, fifth and sixth", "")
	g, there, err := b.HeaderAt(1, int64(mark))
	if !there || err != nil || g.Kind != eventlog.KindClose || g.Count != 0 || g.PayloadBytes != 0 || g.First != 7 || g.Time != clock(3) {
		t.Errorf("the mark is %+v, %v", g, err)
	}
}

func TestClosingAgainAddsNoOtherMark(t *testing.T) {
	all, _ := closed(t)
	mem := all.mem(t)
	for range 3 {
		must(t, open(t, mem, small).Close(true))
		same(t, image(t, mem), all)
	}
}

func TestAnEmptyLogIsClosedAndOpened(t *testing.T) {
	b, mem := begin(t)
	must(t, b.Close(true))
	all := image(t, mem)
	if size := len(all[segment(1)]); size != eventlog.SegmentHeaderBytes+eventlog.GroupPrefix {
		t.Errorf("it has %d bytes", size)
	}
	must(t, open(t, mem, small).Close(true))
	same(t, image(t, mem), all)
}

func TestEachSessionThatWroteLeavesAMark(t *testing.T) {
	mem := vfs.NewMem()
	for range 2 {
		b := open(t, mem, small)
		b.commit(1, "text")
		must(t, b.Close(true))
	}
	want := []eventlog.Kind{eventlog.KindRecords, eventlog.KindClose, eventlog.KindRecords, eventlog.KindClose}
	have := kinds(t, mem)
	if len(have) != len(want) || have[1] != want[1] || have[2] != want[2] || have[3] != want[3] {
		t.Errorf("the groups are of kinds %v", have)
	}
}

func TestSpaceThatWasMadeIsGivenBackWhenNothingWasWritten(t *testing.T) {
	all, _ := closed(t)
	mem := all.mem(t)
	b := open(t, mem, small)
	must(t, b.Preallocate())
	must(t, b.Close(true))
	same(t, image(t, mem), all)
}

func TestClosingWithoutAMarkWritesNothing(t *testing.T) {
	b, mem := begin(t)
	b.commit(1, "text")
	was := image(t, mem)
	must(t, b.Close(false))
	same(t, image(t, mem), was)
}

func TestTheMarkFitsBehindAFullSegment(t *testing.T) {
	d, fs := newFullDisk()
	b := open(t, fs, small)
	full := int(small.SegmentBytes) - eventlog.SegmentHeaderBytes - eventlog.GroupPrefix
	b.commit(1, strings.Repeat("x", full))
	d.refuse["allocate"], d.refuse["create"] = true, true
	must(t, b.Close(true))
	if names := d.Files(); len(names) != 1 {
		t.Errorf("the files are %q", names)
	}
	open(t, d.Mem, small).has(strings.Repeat("x", full), "")
}

// A store that has failed is closed without a mark: what it planned is not there.
func TestClosingClosesEveryFile(t *testing.T) {
	mem := vfs.NewMem()
	files := map[vfs.File]bool{}
	b := open(t, counted{mem, files}, small)
	b.commit(1, strings.Repeat("x", 3000))
	b.commit(1, strings.Repeat("y", 3000))
	must(t, b.Preallocate())
	_, err := b.Reserve(0, 3000)
	must(t, err)
	b.seal(1, strings.Repeat("z", 3000)) // and never written
	must(t, b.Preallocate())
	must(t, b.Close(false))
	if len(files) != 0 {
		t.Errorf("%d files are open still", len(files))
	}
}

// counted notes the files that are open.
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

func TestOpeningThatFailsClosesEveryFile(t *testing.T) {
	all, _ := rolled(t)
	for _, broken := range []string{segment(1), segment(3), segment(5)} {
		open := map[vfs.File]bool{}
		mem := all.with(broken, flip(all[broken], 8*32)).mem(t)
		if _, err := openLog(counted{mem, open}, small); err == nil {
			t.Errorf("%s is not noticed to be damaged", broken)
		}
		if len(open) != 0 {
			t.Errorf("%d files are open still", len(open))
		}
	}
}
