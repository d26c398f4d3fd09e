package eventlog_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// smallReplica are the options of a replica with segments for a few groups only.
var smallReplica = func() eventlog.Options {
	options := small
	options.Replica = true
	return options
}()

// shared is a group of a shared log.
type shared struct {
	bytes         []byte
	startsSegment bool
	eventlog.GroupHeader
}

// sharedGroups returns the groups of a replica with several segments, and its files after it
// was closed.
func sharedGroups(t testing.TB) (groups []shared, all files) {
	t.Helper()
	mem := vfs.NewMem()
	l := openTestLog(t, mem, smallReplica)
	for i := range 30 {
		payload := strings.Repeat(fmt.Sprint(i, " "), 1+i*i%7*90)
		_, err := l.Reserve(0, len(payload)+i%3*500) // as for a request, whose size is not known yet
		must(t, err)
		s := l.seal(i%3, payload)
		l.write(s)
		groups = append(groups, shared{slices.Clone(s.Bytes()), s.Rolls(), s.GroupHeader})
	}
	if len(l.Segments()) < 4 {
		t.Fatalf("the log has only %d segments", len(l.Segments()))
	}
	must(t, l.Close(true))
	return groups, contents(t, mem)
}

// adopt writes the groups that a replica does not have, with a sync after each one for which
// sync returns true, and closes it. It returns the index of the last group that was durable
// before.
func adopt(fs vfs.FS, groups []shared, sync func() bool) (durable uint64, err error) {
	l, err := openLog(fs, smallReplica)
	if err != nil {
		return 0, err
	}
	for _, g := range groups[l.Tail().Index:] {
		sealed, err := l.Adopt(slices.Clone(g.bytes), g.startsSegment)
		if err == nil {
			err = l.Write(sealed)
		}
		if err == nil && sync() {
			err = l.Sync()
		}
		if err != nil {
			return l.Durable().Index, errors.Join(err, l.Close(false))
		}
	}
	durable = l.Durable().Index
	return durable, l.Close(true)
}

func TestAdoptedGroupsMakeTheSameFiles(t *testing.T) {
	groups, all := sharedGroups(t)
	for n := range groups {
		mem := vfs.NewMem()
		for _, to := range []int{n, len(groups)} { // also after it was closed in the middle
			_, err := adopt(mem, groups[:to], never)
			must(t, err)
		}
		checkFiles(t, contents(t, mem), all)
	}
}

// A power failure at any operation loses no durable group. The replica opens with a prefix
// of the groups, and becomes equal to the others.
func TestReplicaSurvivesCrash(t *testing.T) {
	groups, all := sharedGroups(t)
	for _, syncEvery := range []int{1, 5, 1 << 30} {
		for moment, over := 1, false; !over; moment++ {
			for seed := range uint64(6) {
				disk := vfs.NewMem()
				for range 2 {
					done, written := 0, 0
					durable, err := adopt(vfs.Observe(disk, func(vfs.Op) error {
						if done++; done >= moment {
							return errPower
						}
						return nil
					}), groups, func() bool { written++; return written%syncEvery == 0 })
					over = err == nil
					disk = disk.Crash(rand.New(rand.NewPCG(seed, uint64(moment))))
					l := openTestLog(t, contents(t, disk).mem(t), smallReplica)
					checkReplica(t, l, groups, durable)
					must(t, l.Close(false))
				}
				_, err := adopt(disk, groups, never)
				must(t, err)
				checkFiles(t, contents(t, disk), all)
				if t.Failed() {
					t.Fatalf("operation %d, seed %d, sync every %d", moment, seed, syncEvery)
				}
			}
		}
	}
}

// checkReplica fails unless a replica has a prefix of the groups with at least the durable ones.
func checkReplica(t *testing.T, l *testLog, groups []shared, durable uint64) {
	t.Helper()
	var headers []eventlog.GroupHeader
	for _, g := range groups {
		headers = append(headers, g.GroupHeader)
	}
	checkPrefix(t, l, headers, durable)
}

// The last segment is cut where it is unsound, whatever follows.
func TestReplicaCutsAnUnsoundEnd(t *testing.T) {
	groups, all := sharedGroups(t)
	first := 0 // of the last segment
	for i, g := range groups {
		if g.startsSegment {
			first = i
		}
	}
	last := segment(int(groups[first].First))
	for at := eventlog.SegmentHeaderBytes; at < len(all[last]); at += 11 {
		mem := all.with(last, flipBit(all[last], 8*at)).mem(t)
		l := openTestLog(t, mem, smallReplica)
		checkReplica(t, l, groups, uint64(first))
		if l.Torn() == nil || l.Tail().Index == uint64(len(groups)) {
			t.Fatalf("byte %d: %d groups, torn %v", at, l.Tail().Index, l.Torn())
		}
		must(t, l.Close(false))
		_, err := adopt(mem, groups, never)
		must(t, err)
		checkFiles(t, contents(t, mem), all)
	}
}

func TestAdoptRefusesWhatDoesNotFollow(t *testing.T) {
	groups, all := sharedGroups(t)
	foreign := func(g shared) shared {
		g.bytes = eventlog.EncodeGroup(&g.GroupHeader, g.bytes[eventlog.GroupPrefix:], eventlog.StoreID{9}, 0)
		return g
	}
	for name, c := range map[string]struct {
		after int
		group shared
	}{
		"the second group first":            {0, groups[1]},
		"the same group again":              {1, groups[0]},
		"a gap":                             {1, groups[2]},
		"another store":                     {0, foreign(groups[0])},
		"no header":                         {0, shared{bytes: groups[0].bytes[:eventlog.GroupPrefix-1]}},
		"a part of the payload":             {1, shared{bytes: groups[1].bytes[:len(groups[1].bytes)-1]}},
		"a changed payload":                 {1, shared{bytes: []byte(flipBit(string(groups[1].bytes), 8*(eventlog.GroupPrefix+2)))}},
		"a segment after one without event": {1, shared{bytes: groups[1].bytes, startsSegment: true}},
	} {
		mem := vfs.NewMem()
		l := openTestLog(t, mem, smallReplica)
		for _, g := range groups[:c.after] {
			sealed, err := l.Adopt(slices.Clone(g.bytes), g.startsSegment)
			must(t, err)
			must(t, l.Write(sealed))
		}
		if _, err := l.Adopt(slices.Clone(c.group.bytes), c.group.startsSegment); !errors.Is(err, eventlog.ErrNotNext) {
			t.Errorf("%s: %v", name, err)
		}
		must(t, l.Close(true))
		_, err := adopt(mem, groups, never) // nothing has changed
		must(t, err)
		checkFiles(t, contents(t, mem), all)
	}
}

// A withdrawn group leaves its place to the one that was decided in its place.
func TestAdoptAfterWithdraw(t *testing.T) {
	groups, all := sharedGroups(t)
	for _, bytes := range []int{0, 700, 4000} {
		mem := vfs.NewMem()
		l := openTestLog(t, mem, smallReplica)
		for _, g := range groups {
			payload := strings.Repeat("x", bytes)
			_, err := l.Reserve(0, len(payload))
			must(t, err)
			lost := l.seal(1, payload)
			must(t, l.Preallocate())
			must(t, l.Withdraw(lost))
			sealed, err := l.Adopt(slices.Clone(g.bytes), g.startsSegment)
			must(t, err)
			must(t, l.Write(sealed))
		}
		must(t, l.Close(true))
		checkFiles(t, contents(t, mem), all)
	}
}

// Without space, Adopt changes nothing and can be called again.
func TestAdoptWaitsForSpace(t *testing.T) {
	groups, all := sharedGroups(t)
	mem := vfs.NewMem()
	full := false
	options := smallReplica
	options.MayGrow = func(int64, int64) error {
		if full {
			return errors.New("no space")
		}
		return nil
	}
	l := openTestLog(t, mem, options)
	refused := 0
	for _, g := range groups {
		full = true
		sealed, err := l.Adopt(slices.Clone(g.bytes), g.startsSegment)
		if full = false; err != nil {
			refused++
			sealed, err = l.Adopt(slices.Clone(g.bytes), g.startsSegment)
		}
		must(t, err)
		must(t, l.Write(sealed))
	}
	if refused == 0 {
		t.Error("there was always space")
	}
	must(t, l.Close(true))
	checkFiles(t, contents(t, mem), all)
}

// Groups are synced while others are written.
func TestReplicaSyncsWhileItWrites(t *testing.T) {
	groups, all := sharedGroups(t)
	mem := vfs.NewMem()
	l := openTestLog(t, mem, smallReplica)
	written := make(chan struct{})
	syncs := make(chan error)
	go func() {
		var err error
		for err == nil {
			select {
			case <-written:
				syncs <- nil
				return
			default:
				before := l.Durable()
				if err = l.Sync(); l.Durable().Index < before.Index {
					err = fmt.Errorf("group %d is durable after group %d", l.Durable().Index, before.Index)
				}
			}
		}
		<-written
		syncs <- err
	}()
	for _, g := range groups {
		sealed, err := l.Adopt(slices.Clone(g.bytes), g.startsSegment)
		must(t, err)
		must(t, l.Write(sealed))
	}
	close(written)
	must(t, <-syncs)
	must(t, l.Sync())
	if durable := l.Durable(); durable != groups[len(groups)-1].Tail() {
		t.Errorf("durable up to %+v", durable)
	}
	must(t, l.Close(true))
	checkFiles(t, contents(t, mem), all)
}

// After a failed sync, the page cache can hold bytes that the disk does not have. So the
// groups that are not known to be durable are written again when the log is opened.
func TestReplicaWritesUnsyncedGroupsAgain(t *testing.T) {
	groups, _ := sharedGroups(t)
	mem := vfs.NewMem()
	l := openTestLog(t, mem, smallReplica)
	for _, g := range groups[:5] {
		sealed, err := l.Adopt(slices.Clone(g.bytes), g.startsSegment)
		must(t, err)
		must(t, l.Write(sealed))
		if g.Index == 2 {
			must(t, l.Sync())
		}
	}
	ends := []int64{eventlog.SegmentHeaderBytes}
	for i, g := range groups[:5] {
		ends = append(ends, ends[i]+int64(len(g.bytes)))
	}
	from, to := ends[2], ends[5]
	must(t, l.Close(false))
	var again int64
	l = openTestLog(t, vfs.Observe(mem, func(op vfs.Op) error {
		if op.Kind == "write" && strings.HasSuffix(op.Name, ".log") && op.Offset >= from {
			again += op.Size
		}
		return nil
	}), smallReplica)
	if again != to-from {
		t.Errorf("%d bytes were written again, want %d", again, to-from)
	}
	must(t, l.Close(false))
}
