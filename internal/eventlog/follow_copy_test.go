package eventlog_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// followOn opens a log that may be open for writing, on a file system.
func followOn(t *testing.T, fs vfs.FS) *eventlog.Follower {
	t.Helper()
	l := openTestLog(t, fs, eventlog.Options{ReadOnly: true, Follow: true})
	t.Cleanup(func() { must(t, l.Log.Close(nil, nil)) })
	return l.Follower()
}

// While a copy is written, a group that others follow need not be durable.
func TestFollowerOfCopyBelievesInDurableGroups(t *testing.T) {
	all, last := killedLog(t)
	all[dir+"/copying"] = string(eventlog.EncodeCopying(1))
	mem := all.mem(t)
	f := follow(t, mem)
	checkFollower(t, "copying", f, eventlog.GroupID{}, 1, 0)
	must(t, mem.Remove(dir+"/copying"))
	checkFollower(t, "complete", f, eventlog.GroupID{}, last.Index-1, last.Index)
}

func TestFollowerReportsLostGroupOfCopy(t *testing.T) {
	all, last := killedLog(t)
	all[dir+"/copying"] = string(eventlog.EncodeCopying(last.Index + 1))
	var corruption *vfs.CorruptionError
	if err := follow(t, all.mem(t)).Refresh(eventlog.GroupID{}); !errors.As(err, &corruption) {
		t.Errorf("the error is %v", err)
	}
}

// A crash may leave a valid group of a copy after a torn one.
func TestFollowerAcceptsCopyThatCrashed(t *testing.T) {
	all, _ := killedLog(t)
	l := openTestLog(t, all.mem(t), small)
	first := l.Start().Offset + eventlog.GroupPrefix + int64(len("first"))
	must(t, l.Close(false))
	all = all.with(segment(1), flipBit(all[segment(1)], 8*int(first+20)))
	all[dir+"/copying"] = string(eventlog.EncodeCopying(1))
	f := follow(t, all.mem(t))
	checkFollower(t, "crashed", f, eventlog.GroupID{}, 1, 0)
	must(t, f.Accept(unwritten))
}

// The file of a copy can be read while it is being overwritten.
func TestFollowerReadsFileOfCopyAgain(t *testing.T) {
	all, _ := killedLog(t)
	whole := string(eventlog.EncodeCopying(1))
	all[dir+"/copying"] = whole[:20] + strings.Repeat("?", len(whole)-20)
	mem := all.mem(t)
	reads := 0
	f := followOn(t, vfs.Observe(mem, func(op vfs.Op) error {
		if op.Kind != "read" || !strings.HasSuffix(op.Name, "copying") {
			return nil
		}
		if reads++; reads == 3 {
			w, err := mem.OpenWrite(dir + "/copying")
			must(t, err)
			_, err = w.WriteAt([]byte(whole), 0)
			must(t, errors.Join(err, w.Close()))
		}
		return nil
	}))
	checkFollower(t, "copying", f, eventlog.GroupID{}, 1, 0)
}

// A copy that was opened and closed has a clean-close record of its own. When the copy is
// continued, other groups replace it, and a follower continues with these.
func TestFollowerOfCopyWhoseCloseIsReplaced(t *testing.T) {
	_, groups := sourceLog(t)
	n := 5
	if groups[n-1].Kind == eventlog.KindClose {
		t.Fatal("the source ends with a clean-close record")
	}
	last := groups[n-1].Tail()
	for name, see := range map[string]func(f *eventlog.Follower, moment string, known eventlog.GroupID) error{
		"at every moment": func(f *eventlog.Follower, _ string, known eventlog.GroupID) error { return f.Refresh(known) },
		"when complete": func(f *eventlog.Follower, moment string, _ eventlog.GroupID) error {
			if moment != "complete" {
				return nil
			}
			return f.Refresh(eventlog.GroupID{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			mem := openedCopy(t, groups[:n])
			f := follow(t, mem)
			checkFollower(t, "closed", f, eventlog.GroupID{}, last.Index+1, 0)
			closed := f.End().Tail.ID()
			r, err := openReceiver(mem)
			must(t, err)
			must(t, see(f, "opened", closed))
			before, _, err := r.BeforeClose()
			must(t, err)
			must(t, r.RemoveClose(before))
			must(t, see(f, "removed", closed)) // the announcement that was read is older
			if name == "at every moment" && (f.End().Tail != last || f.Reopened() != 1) {
				t.Errorf("the end is %+v, moved back %d times", f.End(), f.Reopened())
			}
			for i := n; i < len(groups); i++ {
				must(t, r.Write(&groups[i]))
				must(t, see(f, "written", eventlog.GroupID{}))
			}
			must(t, r.Close())
			must(t, see(f, "complete", eventlog.GroupID{}))
			must(t, f.Accept(unwritten))
			if f.End().Tail != groups[len(groups)-1].Tail() || f.Reopened() != 1 {
				t.Errorf("the end is %+v, moved back %d times", f.End(), f.Reopened())
			}
		})
	}
}

// The clean-close record is replaced, and the next segment created, after a follower has
// read the record and before it reads what follows.
func TestFollowerOfCopyWhoseCloseIsReplacedMeanwhile(t *testing.T) {
	_, groups := sourceLog(t)
	n := 1 // of the last group in the first segment
	for len(groups[n].SegmentHeader) == 0 {
		n++
	}
	mem := openedCopy(t, groups[:n])
	replaced := false
	f := followOn(t, vfs.Observe(mem, func(op vfs.Op) error {
		if op.Kind == "open" && strings.HasSuffix(op.Name, ".log") && op.Name != segment(1) && !replaced {
			replaced = true
			r, err := openReceiver(mem)
			must(t, err)
			before, _, err := r.BeforeClose()
			must(t, err)
			must(t, r.RemoveClose(before))
			must(t, r.Close())
			_, err = receive(mem, groups, never)
			must(t, err)
		}
		return nil
	}))
	must(t, f.Refresh(eventlog.GroupID{}))
	must(t, f.Accept(unwritten))
	if !replaced || f.End().Tail != groups[len(groups)-1].Tail() {
		t.Errorf("the end is %+v", f.End())
	}
}

// A writer can add segments while they are read. That is not corruption, although each of
// them follows groups that were not read.
func TestFollowerOfFastWriter(t *testing.T) {
	l, mem := newLog(t)
	l.commit(1, "first")
	rolls := 0
	f := followOn(t, vfs.Observe(mem, func(op vfs.Op) error {
		if op.Kind != "open" || !strings.HasSuffix(op.Name, ".log") || op.Name == segment(1) {
			return nil
		}
		rolls++
		base := uint64(0)
		for base == 0 || l.Segments()[len(l.Segments())-1].Base == base {
			base = l.Segments()[len(l.Segments())-1].Base
			l.commit(0, strings.Repeat("no event", 40))
		}
		l.commit(1, "an event") // so that another segment can follow
		return nil
	}))
	must(t, f.Refresh(eventlog.GroupID{}))
	if rolls < 5 {
		t.Errorf("the writer has added %d segments", rolls)
	}
}
