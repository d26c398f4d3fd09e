package eventlog_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// openedCopy returns a copy of the first groups that was opened as a log and closed.
func openedCopy(t *testing.T, groups []eventlog.Group) *vfs.Mem {
	t.Helper()
	mem := vfs.NewMem()
	_, err := receive(mem, groups, never)
	must(t, err)
	must(t, openTestLog(t, mem, small).Close(true))
	return mem
}

func TestCopyContinuesAfterItsCloseIsRemoved(t *testing.T) {
	source, groups := sourceLog(t)
	for n := 1; n < len(groups); n++ {
		closed := groups[n-1].Kind == eventlog.KindClose
		mem := openedCopy(t, groups[:n])
		r, err := openReceiver(mem)
		must(t, err)
		before, is, err := r.BeforeClose()
		must(t, err)
		want := groups[n-1].Tail()
		if closed { // closing does not repeat the record
			want = groups[n-2].Tail()
		}
		if !is || before != want {
			t.Fatalf("after group %d: %v, %+v, want %+v", n, is, before, want)
		}
		must(t, r.RemoveClose(before))
		must(t, r.Close())
		_, err = receive(mem, groups, never)
		must(t, err)
		checkFiles(t, contents(t, mem), source)
	}
}

func TestCopyThatWasNotClosedHasNoClose(t *testing.T) {
	_, groups := sourceLog(t)
	for n := range groups {
		mem := vfs.NewMem()
		r, err := openReceiver(mem)
		must(t, err)
		for i := range n {
			must(t, r.Write(&groups[i]))
		}
		want := n > 0 && groups[n-1].Kind == eventlog.KindClose
		if _, is, err := r.BeforeClose(); err != nil || is != want {
			t.Errorf("after group %d: %v, %v", n, is, err)
		}
		must(t, r.Close())
	}
}

func TestRemovingTheCloseSurvivesCrash(t *testing.T) {
	_, groups := sourceLog(t)
	closed := contents(t, openedCopy(t, groups[:5]))
	for moment, over := 1, false; !over; moment++ {
		for seed := range uint64(10) {
			disk := closed.mem(t)
			done := 0
			err := removeClose(vfs.Observe(disk, func(vfs.Op) error {
				if done++; done >= moment {
					return errPower
				}
				return nil
			}))
			over = err == nil
			after := disk.Crash(rand.New(rand.NewPCG(seed, uint64(moment))))
			l := openTestLog(t, after, small)
			if index := l.Tail().Index; index != 5 && index != 6 {
				t.Errorf("operation %d, seed %d: the copy ends with group %d", moment, seed, index)
			}
		}
	}
}

func removeClose(fs vfs.FS) error {
	r, err := openReceiver(fs)
	if err != nil {
		return err
	}
	before, is, err := r.BeforeClose()
	if err == nil && is {
		err = r.RemoveClose(before)
	}
	return errors.Join(err, r.Close())
}

// A restore to a position within a group writes the start of that group.
func TestReceiverWritesStartOfGroup(t *testing.T) {
	_, groups := sourceLog(t)
	for n := range groups {
		g := &groups[n]
		if g.Count < 2 {
			continue
		}
		mem := vfs.NewMem()
		r, err := openReceiver(mem)
		must(t, err)
		for i := range n {
			must(t, r.Write(&groups[i]))
		}
		must(t, r.WriteStart(g, g.Payload[:7], g.Count-1))
		if n+1 < len(groups) {
			if err := r.Write(&groups[n+1]); !errors.Is(err, eventlog.ErrNotNext) {
				t.Errorf("the group after the start of group %d: %v", g.Index, err)
			}
		}
		must(t, r.Close())
		l := openTestLog(t, mem, small)
		var last eventlog.Group
		for have, err := range l.Groups(l.Start(), l.Tail().Index) {
			must(t, err)
			last = cloneGroup(have)
		}
		if last.Index != g.Index || last.Time != g.Time || last.First != g.First || last.Count != g.Count-1 || string(last.Payload) != string(g.Payload[:7]) {
			t.Errorf("the last group is %+v", last.GroupHeader)
		}
	}
	r, err := openReceiver(vfs.NewMem())
	must(t, err)
	for _, wrong := range []struct {
		payload string
		count   uint32
	}{{"other", 1}, {string(groups[0].Payload), groups[0].Count + 1}} {
		if err := r.WriteStart(&groups[0], []byte(wrong.payload), wrong.count); !errors.Is(err, eventlog.ErrNotNext) {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
}
