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

// timed is a group with its commit time.
type timed struct {
	count   int
	payload string
	time    int64
}

// timed returns the groups of the log except clean-close records.
func (l *testLog) timed() (all []timed) {
	for g, err := range l.Groups(l.Start(), l.Tail().Index) {
		must(l.t, err)
		if g.Kind == eventlog.KindRecords {
			all = append(all, timed{int(g.Count), string(g.Payload), g.Time})
		}
	}
	return all
}

// commitSeries writes and syncs groups together.
func (l *testLog) commitSeries(groups []timed) error {
	var bytes []byte
	var parts []eventlog.Part
	for _, g := range groups {
		parts = append(parts, eventlog.Part{Start: len(bytes), Count: g.count, Time: g.time})
		bytes = append(append(bytes, make([]byte, eventlog.GroupPrefix)...), g.payload...)
	}
	if _, err := l.Reserve(0, len(bytes)-eventlog.GroupPrefix); err != nil {
		return err
	}
	return errors.Join(l.Write(l.SealSeries(bytes, parts)), l.Sync())
}

// randomSeries returns groups of one to five events with ascending times after the last one.
func randomSeries(chance *rand.Rand, last int64) (groups []timed) {
	for range 1 + chance.IntN(6) {
		last += int64(chance.IntN(3))
		groups = append(groups, timed{chance.IntN(5), strings.Repeat(fmt.Sprint(last), 1+chance.IntN(90)), last})
	}
	return groups
}

func TestSeriesIsGroupsWithTheirTimes(t *testing.T) {
	for seed := range uint64(30) {
		chance := rand.New(rand.NewPCG(seed, 0))
		l, mem := newLog(t)
		var want []timed
		for range 20 {
			groups := randomSeries(chance, l.Tail().Time+1)
			must(t, l.commitSeries(groups))
			want = append(want, groups...)
			if chance.IntN(4) == 0 {
				g := l.commit(1, "alone")
				want = append(want, timed{1, "alone", g.Time})
			}
			if chance.IntN(8) == 0 {
				must(t, l.Close(true))
				l = openTestLog(t, mem, small)
			}
		}
		if got := l.timed(); !slices.Equal(got, want) {
			t.Fatalf("seed %d: the groups are %.300v, want %.300v", seed, got, want)
		}
		if len(l.Segments()) < 3 {
			t.Errorf("seed %d: the log has only %d segments", seed, len(l.Segments()))
		}
	}
}

func TestGroupsOfSeriesAreThoseOfTheLog(t *testing.T) {
	l, _ := newLog(t)
	l.commit(2, "first")
	bytes := append(make([]byte, eventlog.GroupPrefix), "second"...)
	parts := []eventlog.Part{{Count: 1, Time: clock(9)}, {Start: len(bytes), Count: 3, Time: 1}}
	bytes = append(append(bytes, make([]byte, eventlog.GroupPrefix)...), "third"...)
	_, err := l.Reserve(0, len(bytes))
	must(t, err)
	s := l.SealSeries(bytes, parts)
	l.write(s)
	var have []eventlog.Group
	for g, err := range l.Groups(l.Start(), l.Tail().Index) {
		must(t, err)
		have = append(have, cloneGroup(g))
	}
	n := 1
	for g := range s.Groups() {
		want := have[n]
		if g.GroupHeader != want.GroupHeader || g.Base != want.Base || g.Offset != want.Offset || string(g.Payload) != string(want.Payload) {
			t.Errorf("group %d is %+v, want %+v", n, g, want)
		}
		n++
	}
	if n != len(have) || have[2].Time != clock(9) {
		t.Errorf("%d groups of %d, the last one with time %d", n, len(have), have[2].Time)
	}
}

func TestOrderOfSeries(t *testing.T) {
	all, _ := killedLog(t)
	traced(t, "series.trace", all, nothing, func(l *testLog) {
		series := []timed{{1, "text", 1}, {1, "text", 2}}
		must(t, errors.Join(l.commitSeries(series), l.commitSeries(series)))
		l.commit(1, "alone")
		must(t, l.Close(true))
	})
}

// mark is the file that marks a log as a copy that is being written.
const mark = dir + "/copying"

func TestLogIsNoCopyAfterItsSeries(t *testing.T) {
	l, mem := newLog(t)
	series := []timed{{1, "text", 1}, {1, "text", 2}}
	for range 2 {
		must(t, errors.Join(l.commitSeries(series), l.commitSeries(series)))
		if want := string(eventlog.EncodeCopying(l.Tail().Index)); contents(t, mem)[mark] != want {
			t.Errorf("after series, the mark is %x, want %x", contents(t, mem)[mark], want)
		}
		for range 2 {
			l.commit(1, "alone")
			if content, marked := contents(t, mem)[mark]; marked {
				t.Errorf("after another group, the log is marked with %x", content)
			}
		}
	}
}

// What follows a series is not taken for torn writes of it, although a crash can undo what was noted
// without a sync.
func TestCorruptionAfterSeriesIsDetected(t *testing.T) {
	for seed := range uint64(20) {
		l, disk := newLog(t)
		series := []timed{{1, "text", 1}, {1, "text", 2}}
		must(t, l.commitSeries(series))
		corrupt := l.commit(1, "durable")
		l.commit(1, "durable as well")
		crashed := disk.Crash(rand.New(rand.NewPCG(seed, 0)))
		all := contents(t, crashed)
		at := segment(1)
		all[at] = flipBit(all[at], 8*end(corrupt)-1)
		var found *vfs.CorruptionError
		if _, err := openLog(all.mem(t), small); !errors.As(err, &found) {
			t.Fatalf("seed %d: opening the log: %v", seed, err)
		}
	}
}

// A crash at any operation loses no durable group, and what it leaves of a series is its start.
func TestSeriesSurvivesCrash(t *testing.T) {
	for moment, over := 1, false; !over; moment++ {
		for seed := range uint64(8) {
			chance := rand.New(rand.NewPCG(seed, uint64(moment)))
			disk := vfs.NewMem()
			var written []timed
			durable, done := 0, 0
			err := func() error {
				l, err := openLog(vfs.Observe(disk, func(vfs.Op) error {
					if done++; done >= moment {
						return errPower
					}
					return nil
				}), small)
				for i := 0; i < 8 && err == nil; i++ {
					groups := randomSeries(chance, int64(10*i))
					written = append(written, groups...)
					if err = l.commitSeries(groups); err == nil {
						durable = len(written)
					}
				}
				if err == nil {
					err = l.Close(true)
				}
				return err
			}()
			over = err == nil
			if err != nil && !errors.Is(err, errPower) {
				t.Fatal(err)
			}
			checkSeriesAfterCrash(t, disk.Crash(chance), written, durable)
			if t.Failed() {
				t.Fatalf("operation %d, seed %d", moment, seed)
			}
		}
	}
}

func checkSeriesAfterCrash(t *testing.T, disk *vfs.Mem, written []timed, durable int) {
	l, err := openLog(disk, small)
	if err != nil {
		t.Error(err)
		return
	}
	l.t = t
	have := l.timed()
	if len(have) < durable || len(have) > len(written) || !slices.Equal(have, written[:len(have)]) {
		t.Errorf("the log has %.200v, want at least %d of %.200v", have, durable, written)
	}
	l.commit(1, "one more")
	must(t, l.Close(true))
	if _, err := disk.Open(mark); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the closed log has the file of a copy: %v", err)
	}
	if again := openTestLog(t, disk, small).timed(); len(again) != len(have)+1 {
		t.Errorf("%d groups, want %d", len(again), len(have)+1)
	}
}
