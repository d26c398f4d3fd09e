package eventlog_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// follow opens a log that may be open for writing.
func follow(t *testing.T, mem *vfs.Mem) *eventlog.Follower {
	t.Helper()
	return followOn(t, readOnlyFS(t, mem))
}

// checkFollower refreshes a follower and compares the indexes of the last durable group and
// of the unconfirmed one.
func checkFollower(t *testing.T, when string, f *eventlog.Follower, known eventlog.GroupID, end, unconfirmed uint64) {
	t.Helper()
	must(t, f.Refresh(known))
	if f.End().Tail.Index != end || f.Unconfirmed().Index != unconfirmed {
		t.Errorf("%s: the log ends with group %d, and %d is unconfirmed; want %d and %d", when, f.End().Tail.Index, f.Unconfirmed().Index, end, unconfirmed)
	}
}

func TestGroupIsDurableIfSomethingFollowsIt(t *testing.T) {
	l, mem := newLog(t)
	f := follow(t, mem)
	none := eventlog.GroupID{}
	checkFollower(t, "empty", f, none, 0, 0)
	first := l.commit(1, "first")
	checkFollower(t, "one group", f, none, 0, 1)
	checkFollower(t, "one group, known to be durable", f, first.Tail().ID(), 1, 0)
	l.commit(1, "second")
	l.commit(1, "third")
	checkFollower(t, "three groups", f, first.Tail().ID(), 2, 3)
	l.commit(1, strings.Repeat("fourth", 600))
	last := l.commit(1, strings.Repeat("fifth", 600))
	if last.Base == 1 {
		t.Fatal("there is one segment")
	}
	checkFollower(t, "in the next segment", f, none, 4, 5)
	must(t, l.Close(true))
	checkFollower(t, "closed", f, none, 6, 0)
	checkFollower(t, "closed, with a new follower", follow(t, mem), none, 6, 0)
}

func TestFollowerReportsLostGroups(t *testing.T) {
	all, last := killedLog(t)
	lost := all.with(segment(1), all[segment(1)][:last.Offset])
	other := last.Tail().ID()
	other.Chain++
	for name, refresh := range map[string]func() error{
		"known group is missing": func() error { return follow(t, lost.mem(t)).Refresh(last.Tail().ID()) },
		"known group is another": func() error { return follow(t, all.mem(t)).Refresh(other) },
		"read group is gone": func() error {
			mem := all.mem(t)
			f := follow(t, mem)
			must(t, f.Refresh(last.Tail().ID()))
			w, err := mem.OpenWrite(segment(1))
			must(t, err)
			must(t, errors.Join(w.Truncate(last.Offset), w.Close()))
			return f.Refresh(eventlog.GroupID{})
		},
		"corrupt group": func() error {
			changed := all.with(segment(1), flipBit(all[segment(1)], 8*(eventlog.SegmentHeaderBytes+20)))
			f := follow(t, changed.mem(t))
			must(t, f.Refresh(eventlog.GroupID{}))
			return f.Accept(unwritten)
		},
	} {
		var corruption *vfs.CorruptionError
		if err := refresh(); !errors.As(err, &corruption) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func unwritten() (bool, error) { return true, nil }

func TestFollowerAcceptsLastGroup(t *testing.T) {
	all, last := killedLog(t)
	f := follow(t, all.mem(t))
	checkFollower(t, "killed", f, eventlog.GroupID{}, last.Index-1, last.Index)
	must(t, f.Accept(func() (bool, error) { return false, nil }))
	if f.Unconfirmed().Index != last.Index {
		t.Errorf("group %d was confirmed although a process writes", last.Index)
	}
	must(t, f.Accept(unwritten))
	if f.End().Tail != last.Tail() {
		t.Errorf("the end is %+v", f.End())
	}
}
