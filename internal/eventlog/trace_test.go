package eventlog_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/vfs"
)

// newOrder is what a difference in a trace means.
const newOrder = "the order of writes, syncs and renames is what a crash depends on, so think of each moment between two lines"

// trace records what changes a file system.
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

// traced opens a log that records from here on what act does.
func traced(t *testing.T, name string, all files, before, act func(*book)) {
	var r trace
	b := open(t, r.watch(all.mem(t)), small)
	before(b)
	r.lines.Reset()
	act(b)
	golden(t, name, r.lines.String(), newOrder)
}

func nothing(*book) {}

func TestTheOrderOfCreatingALog(t *testing.T) {
	var r trace
	open(t, r.watch(vfs.NewMem()), small)
	golden(t, "create.trace", r.lines.String(), newOrder)
}

func TestTheOrderOfACommit(t *testing.T) {
	all, _ := killed(t)
	traced(t, "commit.trace", all, nothing, func(b *book) { b.commit(1, "text") })
}

func TestTheOrderOfTheFirstCommit(t *testing.T) {
	traced(t, "first.trace", files{}, nothing, func(b *book) { b.commit(1, "text") })
}

func TestTheOrderOfARoll(t *testing.T) {
	traced(t, "roll.trace", files{},
		func(b *book) { b.commit(1, strings.Repeat("x", 3000)) },
		func(b *book) { b.commit(1, strings.Repeat("y", 3000)) })
}

func TestTheOrderOfRecovery(t *testing.T) {
	all, last := killed(t)
	var r trace
	open(t, r.watch(all.mem(t)), small)
	golden(t, "open.trace", r.lines.String(), newOrder)

	r.lines.Reset()
	open(t, r.watch(all.with(segment(1), flip(all[segment(1)], 8*end(last)-1)).mem(t)), small)
	golden(t, "recover.trace", r.lines.String(), newOrder)
}

func TestTheOrderOfClosing(t *testing.T) {
	all, _ := killed(t)
	traced(t, "close.trace", all, nothing, func(b *book) { must(t, b.Close(true)) })
}

// Failed writes and syncs are the caller's to judge: none is tried again here.
func TestAFailedWriteOrSyncIsNotTriedAgain(t *testing.T) {
	for _, kind := range []string{"write", "sync"} {
		d, fs := newFullDisk()
		b := open(t, fs, small)
		_, err := b.Reserve(0, 4)
		must(t, err)
		s := b.seal(1, "text")
		d.refuse[kind] = true
		asked := d.asked[kind]
		if b.Write(s) == nil && b.Sync() == nil {
			t.Errorf("a failing %s is not told", kind)
		}
		if n := d.asked[kind] - asked; n != 1 {
			t.Errorf("%s was tried %d times", kind, n)
		}
	}
}

func TestOpeningTellsWhatFails(t *testing.T) {
	all, last := killed(t)
	all = all.with(segment(1), flip(all[segment(1)], 8*end(last)-1))
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
		open(t, mem, small).has("first", "second and third")
	}
}
