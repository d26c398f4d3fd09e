package eventlog_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// sourceLog returns the files of a closed log with several segments, and its groups with
// bytes of their own: small and large ones, ones without events, and clean-close records.
func sourceLog(t testing.TB) (all files, groups []eventlog.Group) {
	t.Helper()
	mem := vfs.NewMem()
	for round := range 3 {
		l := openTestLog(t, mem, small)
		for i := range 4 {
			l.commit(1+i, fmt.Sprint("small ", round, i))
			l.commit(0, "tracking")
			l.commit(2, strings.Repeat(fmt.Sprint(round, i), 400))
		}
		must(t, l.Close(true))
	}
	options := small
	options.ReadOnly = true
	l := openTestLog(t, mem, options)
	for g, err := range l.Groups(l.Start(), l.Tail().Index) {
		must(t, err)
		groups = append(groups, cloneGroup(g))
	}
	if len(l.Segments()) < 3 {
		t.Fatalf("the log has only %d segments", len(l.Segments()))
	}
	return contents(t, mem), groups
}

func cloneGroup(g eventlog.Group) eventlog.Group {
	g.Header, g.Payload, g.SegmentHeader = slices.Clone(g.Header), slices.Clone(g.Payload), slices.Clone(g.SegmentHeader)
	return g
}

func openReceiver(fs vfs.FS) (*eventlog.Receiver, error) {
	if err := fs.MkdirAll(dir); err != nil {
		return nil, err
	}
	d, err := fs.OpenDir(dir)
	if err != nil {
		return nil, err
	}
	return eventlog.OpenReceiver(d)
}

// receive copies the groups that a copy does not have, with a sync after each group for
// which sync returns true. It returns the index of the last durable group.
func receive(fs vfs.FS, groups []eventlog.Group, sync func() bool) (durable uint64, err error) {
	r, err := openReceiver(fs)
	if err != nil {
		return 0, err
	}
	for r.Tail().Index < uint64(len(groups)) {
		if err = r.Write(&groups[r.Tail().Index]); err != nil {
			break
		}
		if sync() {
			if err = r.Sync(); err != nil {
				break
			}
		}
	}
	durable = r.Durable().Index
	if closeErr := r.Close(); err == nil {
		if err = closeErr; err == nil {
			durable = r.Durable().Index
		}
	}
	return durable, err
}

func never() bool { return false }

func TestCopyHasTheSameFiles(t *testing.T) {
	source, groups := sourceLog(t)
	mem := vfs.NewMem()
	_, err := receive(mem, groups, never)
	must(t, err)
	checkFiles(t, contents(t, mem), source)
}

func TestCopyCanBeContinuedAfterAnyGroup(t *testing.T) {
	source, groups := sourceLog(t)
	for n := range groups {
		mem := vfs.NewMem()
		_, err := receive(mem, groups[:n], never)
		must(t, err)
		if n > 0 {
			options := small
			options.ReadOnly = true
			l := openTestLog(t, mem, options)
			if l.OpenedTail() != groups[n-1].Tail() || l.Torn() != nil {
				t.Errorf("a copy of %d groups ends at %+v, torn %v", n, l.OpenedTail(), l.Torn())
			}
		}
		_, err = receive(mem, groups, never)
		must(t, err)
		checkFiles(t, contents(t, mem), source)
	}
}

// A crash at any operation loses no durable group. The copy opens as a log with a prefix
// of the groups, and when it is continued, it becomes equal to the source.
func TestCopySurvivesCrash(t *testing.T) {
	source, groups := sourceLog(t)
	whole, err := receive(vfs.NewMem(), groups, never)
	must(t, err)
	for _, syncEvery := range []int{1, 4, 1 << 30} {
		for moment, over := 1, false; !over; moment++ {
			for seed := range uint64(6) {
				chance := rand.New(rand.NewPCG(seed, uint64(moment)))
				disk := vfs.NewMem()
				durable := uint64(0)
				for range 3 { // crashes of the first attempts, then success
					done, written := 0, 0
					durable, err = receive(vfs.Observe(disk, func(vfs.Op) error {
						if done++; done >= moment {
							return errPower
						}
						return nil
					}), groups, func() bool { written++; return written%syncEvery == 0 })
					over = err == nil
					disk = disk.Crash(chance)
					checkCopyOpens(t, disk, groups, durable)
				}
				durable, err = receive(disk, groups, never)
				if err != nil || durable != whole {
					t.Fatalf("operation %d: continuing the copy: %v", moment, err)
				}
				checkFiles(t, contents(t, disk), source)
				if t.Failed() {
					t.Fatalf("operation %d, seed %d, sync every %d", moment, seed, syncEvery)
				}
			}
		}
	}
}

// checkCopyOpens opens a copy as a log, once read-only and once for writing on another
// disk. It must have a prefix of the groups with at least the durable ones.
func checkCopyOpens(t *testing.T, disk *vfs.Mem, groups []eventlog.Group, durable uint64) {
	t.Helper()
	readOnly := small
	readOnly.ReadOnly = true
	l, err := openLog(disk, readOnly)
	if durable == 0 && (errors.Is(err, eventlog.ErrNoLog) || errors.Is(err, fs.ErrNotExist)) {
		return
	}
	must(t, err)
	defer l.Close(false)
	l.t = t
	if l.Corruption() != nil {
		t.Fatalf("read-only: %v", l.Corruption())
	}
	checkPrefix(t, l, headers(groups), durable)
	again := openTestLog(t, contents(t, disk).mem(t), small)
	checkPrefix(t, again, headers(groups), durable)
	must(t, again.Close(true))
	for _, name := range again.fs.(*vfs.Mem).Files() {
		if strings.HasSuffix(name, "copying") {
			t.Error("the copy was written as a log, and is still marked as a copy")
		}
	}
}

func headers(groups []eventlog.Group) (headers []eventlog.GroupHeader) {
	for _, g := range groups {
		headers = append(headers, g.GroupHeader)
	}
	return headers
}

// checkPrefix fails unless a log has a prefix of groups with at least the durable ones.
func checkPrefix(t *testing.T, l *testLog, groups []eventlog.GroupHeader, durable uint64) {
	t.Helper()
	n := uint64(0)
	for g, err := range l.Groups(l.Start(), l.Tail().Index) {
		must(t, err)
		if g.GroupHeader != groups[n] {
			t.Fatalf("group %d is another one", n+1)
		}
		n++
	}
	if n < durable {
		t.Errorf("%d groups, but %d were durable", n, durable)
	}
}

// A crash leaves only groups after the durable one incomplete.
func TestCorruptionOfDurableGroupOfCopy(t *testing.T) {
	_, groups := sourceLog(t)
	mem := vfs.NewMem()
	r, err := openReceiver(mem)
	must(t, err)
	for i := range 3 {
		must(t, r.Write(&groups[i]))
	}
	must(t, r.Sync())
	all := contents(t, mem)
	if _, copying := all[dir+"/copying"]; !copying {
		t.Fatal("the copy is not marked")
	}
	for at := groups[0].Offset; at < groups[2].End().Offset; at += 7 {
		broken := all.with(segment(1), flipBit(all[segment(1)], 8*int(at)))
		checkCorruption(t, broken, segment(1))
	}
	checkCorruption(t, all.with(dir+"/copying", "no copy"), dir+"/copying")
}

func TestReceiverRefusesWhatDoesNotContinueTheCopy(t *testing.T) {
	source, groups := sourceLog(t)
	other, _ := newLog(t)
	foreign := other.commit(1, "small 00")
	foreign.Header, foreign.SegmentHeader = []byte(source[segment(1)][80:144]), groups[0].SegmentHeader
	first := slices.IndexFunc(groups[1:], func(g eventlog.Group) bool { return g.SegmentHeader != nil }) + 1
	change := func(g eventlog.Group, change func(*eventlog.Group)) eventlog.Group {
		g = cloneGroup(g)
		change(&g)
		return g
	}
	for name, c := range map[string]struct {
		after int // number of groups copied before
		group eventlog.Group
	}{
		"the second group first":       {0, groups[1]},
		"the same group again":         {1, groups[0]},
		"a gap":                        {1, groups[2]},
		"a segment too early":          {1, groups[first]},
		"first without segment header": {0, change(groups[0], func(g *eventlog.Group) { g.SegmentHeader = nil })},
		"segment header of the first":  {first, change(groups[first], func(g *eventlog.Group) { g.SegmentHeader = groups[0].SegmentHeader })},
		"corrupt segment header":       {0, change(groups[0], func(g *eventlog.Group) { g.SegmentHeader[40] ^= 1 })},
		"long segment header":          {0, change(groups[0], func(g *eventlog.Group) { g.SegmentHeader = append(g.SegmentHeader, 0) })},
		"first segment with a time": {0, change(groups[0], func(g *eventlog.Group) {
			g.SegmentHeader = eventlog.EncodeSegmentHeader(storeID, 0, eventlog.Tail{Next: 1, Time: 1})
		})},
		"another store": {first, change(groups[first], func(g *eventlog.Group) {
			g.SegmentHeader = eventlog.EncodeSegmentHeader(eventlog.StoreID{1}, 1, groups[first-1].Tail())
		})},
		"corrupt header":  {1, change(groups[1], func(g *eventlog.Group) { g.Header[30] ^= 1 })},
		"short header":    {1, change(groups[1], func(g *eventlog.Group) { g.Header = g.Header[:63] })},
		"corrupt payload": {1, change(groups[1], func(g *eventlog.Group) { g.Payload[0] ^= 1 })},
		"short payload":   {1, change(groups[1], func(g *eventlog.Group) { g.Payload = g.Payload[1:] })},
		"another payload": {0, foreign},
	} {
		t.Run(name, func(t *testing.T) {
			mem := vfs.NewMem()
			r, err := openReceiver(mem)
			must(t, err)
			for i := range c.after {
				must(t, r.Write(&groups[i]))
			}
			if err := r.Write(&c.group); !errors.Is(err, eventlog.ErrNotNext) {
				t.Errorf("the error is %v", err)
			}
			for i := range groups[c.after:] { // the copy is as before
				must(t, r.Write(&groups[c.after+i]))
			}
			must(t, r.Close())
			checkFiles(t, contents(t, mem), source)
		})
	}
}

func TestReceiverWritesNothingAfterAnError(t *testing.T) {
	_, groups := sourceLog(t)
	for _, kind := range []string{"write", "sync", "truncate", "rename", "syncdir", "create"} {
		failing := false
		mem := vfs.NewMem()
		r, err := openReceiver(vfs.Observe(mem, func(op vfs.Op) error {
			if failing && op.Kind == kind {
				return errPower
			}
			return nil
		}))
		must(t, err)
		must(t, r.Write(&groups[0]))
		must(t, r.Sync())
		failing = true
		for i := 1; i < len(groups) && err == nil; i++ {
			if err = r.Write(&groups[i]); err == nil && kind != "truncate" && kind != "create" {
				err = r.Sync()
			}
		}
		if !errors.Is(err, errPower) {
			t.Errorf("%s: the error is %v", kind, err)
		}
		failing = false
		before := contents(t, mem)
		if err := errors.Join(r.Write(&groups[1]), r.Sync()); !errors.Is(err, errPower) {
			t.Errorf("%s: later calls return %v", kind, err)
		}
		must(t, r.Close())
		checkFiles(t, contents(t, mem), before)
	}
}

func TestOrderOfReceiving(t *testing.T) {
	_, groups := rolledLogWithBytes(t)
	var tr trace
	mem := vfs.NewMem()
	r, err := openReceiver(tr.watch(mem))
	must(t, err)
	for i := range groups {
		must(t, r.Write(&groups[i]))
	}
	must(t, r.Sync())
	must(t, r.Close())
	golden(t, "receive.trace", tr.lines.String(), newOrder)
}

// rolledLogWithBytes returns the groups of rolledLog as they are read.
func rolledLogWithBytes(t testing.TB) (all files, groups []eventlog.Group) {
	all, _ = rolledLog(t)
	l := openTestLog(t, all.mem(t), small)
	for g, err := range l.Groups(l.Start(), 3) {
		must(t, err)
		groups = append(groups, cloneGroup(g))
	}
	return all, groups
}

func TestReceivedGroupHasAllOfItsBytes(t *testing.T) {
	_, groups := sourceLog(t)
	for _, want := range groups {
		stored := append(slices.Clone(want.Header), want.Payload...)
		g, err := eventlog.ReceivedGroup(want.SegmentHeader, stored)
		if err != nil || g.GroupHeader != want.GroupHeader || string(g.Payload) != string(want.Payload) || (g.SegmentHeader == nil) != (want.SegmentHeader == nil) {
			t.Errorf("group %d: %+v, %v", want.Index, g.GroupHeader, err)
		}
		for _, wrong := range [][]byte{nil, stored[:63], stored[:len(stored)-1], append(stored, 0)} {
			if _, err := eventlog.ReceivedGroup(nil, wrong); err == nil {
				t.Errorf("group %d: %d bytes instead of %d are accepted", want.Index, len(wrong), len(stored))
			}
		}
	}
}
