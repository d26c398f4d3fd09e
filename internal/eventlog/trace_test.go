package eventlog_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/vfs"
)

// newOrder explains a difference in a trace.
const newOrder = "crash safety depends on the order of writes, syncs and renames, so consider a crash between any two lines"

// trace records the operations that change a file system.
type trace struct{ lines strings.Builder }

func (r *trace) watch(mem *vfs.Mem) vfs.FS {
	return vfs.Observe(mem, func(op vfs.Op) error {
		name := strings.TrimPrefix(op.Name, "db/")
		switch op.Kind {
		case "opendir", "open", "read", "list":
		case "write", "allocate":
			fmt.Fprintf(&r.lines, "%s %s from %d to %d\n", op.Kind, name, op.Offset, op.Offset+op.Size)
		case "truncate":
			fmt.Fprintf(&r.lines, "%s %s to %d\n", op.Kind, name, op.Size)
		default:
			fmt.Fprintf(&r.lines, "%s %s\n", op.Kind, name)
		}
		return nil
	})
}

// traced compares the operations of act with a golden file.
func traced(t *testing.T, name string, all files, before, act func(*testLog)) {
	var r trace
	l := openTestLog(t, r.watch(all.mem(t)), small)
	before(l)
	r.lines.Reset()
	act(l)
	golden(t, name, r.lines.String(), newOrder)
}

func nothing(*testLog) {}

func TestOrderOfCreate(t *testing.T) {
	var r trace
	openTestLog(t, r.watch(vfs.NewMem()), small)
	golden(t, "create.trace", r.lines.String(), newOrder)
}

func TestOrderOfCommit(t *testing.T) {
	all, _ := killedLog(t)
	traced(t, "commit.trace", all, nothing, func(l *testLog) { l.commit(1, "text") })
}

func TestOrderOfFirstCommit(t *testing.T) {
	traced(t, "first.trace", files{}, nothing, func(l *testLog) { l.commit(1, "text") })
}

func TestOrderOfRoll(t *testing.T) {
	traced(t, "roll.trace", files{},
		func(l *testLog) { l.commit(1, strings.Repeat("x", 3000)) },
		func(l *testLog) { l.commit(1, strings.Repeat("y", 3000)) })
}

func TestOrderOfRecovery(t *testing.T) {
	all, last := killedLog(t)
	var r trace
	openTestLog(t, r.watch(all.mem(t)), small)
	golden(t, "open.trace", r.lines.String(), newOrder)

	r.lines.Reset()
	openTestLog(t, r.watch(all.with(segment(1), flipBit(all[segment(1)], 8*end(last)-1)).mem(t)), small)
	golden(t, "recover.trace", r.lines.String(), newOrder)
}

func TestOrderOfClose(t *testing.T) {
	all, _ := killedLog(t)
	traced(t, "close.trace", all, nothing, func(l *testLog) { must(t, l.Close(true)) })
}

// The caller decides what to do after a failed write or sync.
func TestFailedWriteOrSyncIsNotRetried(t *testing.T) {
	for _, kind := range []string{"write", "sync"} {
		d, fs := newFullDisk()
		l := openTestLog(t, fs, small)
		_, err := l.Reserve(0, 4)
		must(t, err)
		s := l.seal(1, "text")
		d.refuse[kind] = true
		before := d.calls[kind]
		if l.Write(s) == nil && l.Sync() == nil {
			t.Errorf("a failed %s returns no error", kind)
		}
		if n := d.calls[kind] - before; n != 1 {
			t.Errorf("%s was called %d times, want 1", kind, n)
		}
	}
}

func TestOpenReturnsDiskErrors(t *testing.T) {
	all, last := killedLog(t)
	all = all.with(segment(1), flipBit(all[segment(1)], 8*end(last)-1))
	for _, kind := range []string{"list", "openwrite", "read", "truncate", "write", "sync", "syncdir"} {
		mem := all.mem(t)
		failed := fmt.Errorf("no %s", kind)
		_, err := openLog(vfs.Observe(mem, func(op vfs.Op) error {
			if op.Kind == kind {
				return failed
			}
			return nil
		}), small)
		if err == nil || !strings.Contains(err.Error(), failed.Error()) {
			t.Errorf("%s: %v", kind, err)
		}
		openTestLog(t, mem, small).checkPayloads("first", "second and third")
	}
}
