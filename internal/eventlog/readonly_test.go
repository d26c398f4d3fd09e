package eventlog_test

import (
	"errors"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

var readOnly = eventlog.Options{SegmentBytes: 4096, ReadOnly: true}

// readOnlyFS returns a file system that fails the test on any operation except reads.
func readOnlyFS(t *testing.T, mem *vfs.Mem) vfs.FS {
	return vfs.Observe(mem, func(op vfs.Op) error {
		if op.Kind != "opendir" && op.Kind != "open" && op.Kind != "read" && op.Kind != "list" {
			t.Errorf("%s %s", op.Kind, op.Name)
		}
		return nil
	})
}

func TestReadOnlyOpenChangesNothing(t *testing.T) {
	segments, _ := rolledLog(t)
	closed, _ := closedLog(t)
	torn, last := killedLog(t)
	torn = torn.with(segment(1), flipBit(torn[segment(1)], 8*end(last)-1))
	for name, all := range map[string]files{"several segments": segments, "closed": closed, "torn": torn} {
		t.Run(name, func(t *testing.T) {
			all[dir+"/next-1.tmp"] = "half"
			mem := all.mem(t)
			l := openTestLog(t, readOnlyFS(t, mem), readOnly)
			_, err := collectIndexes(l, l.Start(), l.Tail().Index)
			must(t, err)
			if (l.Torn() != nil) != (name == "torn") {
				t.Errorf("torn is %v", l.Torn())
			}
			must(t, l.Close(true))
			checkFiles(t, contents(t, mem), all)
		})
	}
}

func TestReadOnlyOpenFailsWithoutLog(t *testing.T) {
	empty := vfs.NewMem()
	must(t, empty.MkdirAll(dir))
	for name, mem := range map[string]*vfs.Mem{"an empty directory": empty, "other files": files{dir + "/notes": "text"}.mem(t)} {
		t.Run(name, func(t *testing.T) {
			if _, err := openLog(readOnlyFS(t, mem), readOnly); !errors.Is(err, eventlog.ErrNoLog) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// A read-only log contains the valid groups before the corruption, and reports it.
func TestReadOnlyOpenEndsAtCorruption(t *testing.T) {
	all, end := closedLog(t)
	for bit := 8 * eventlog.SegmentHeaderBytes; bit < 8*end; bit += 101 {
		changed := all.with(segment(1), flipBit(all[segment(1)], bit))
		mem := changed.mem(t)
		l := openTestLog(t, readOnlyFS(t, mem), readOnly)
		corruption := l.Corruption()
		if corruption == nil || corruption.File != segment(1) || corruption.Offset > int64(bit/8) {
			t.Fatalf("bit %d flipped: the corruption is %v", bit, corruption)
		}
		indexes, err := collectIndexes(l, l.Start(), l.Tail().Index)
		must(t, err)
		if len(indexes) != int(l.Tail().Index) || len(indexes) > 2 {
			t.Errorf("bit %d flipped: the groups are %v", bit, indexes)
		}
		must(t, l.Close(true))
		checkFiles(t, contents(t, mem), changed)
	}
}
