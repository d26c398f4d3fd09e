package cluster_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/cluster"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// newEngine returns an engine with a log that starts at an origin, and has the first records of
// another log.
func newEngine(t *testing.T, origin sharedlog.Origin, records []sharedlog.Record) *fakelog.Engine {
	t.Helper()
	e := fakelog.New(fakelog.Options{})
	log := e.Connect()
	if _, err := log.Create(t.Context(), origin); err != nil {
		t.Fatal(err)
	}
	after := origin.Point
	for _, r := range records {
		_, group, err := sharedlog.Decode(r.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		g, err := eventlog.ReceivedGroup(nil, group)
		if err != nil {
			t.Fatal(err)
		}
		if err := log.Append(t.Context(), after, g.Chain, r.Bytes); err != nil {
			t.Fatal(err)
		}
		after = sharedlog.Point(g.Tail().ID())
	}
	return e
}

// replica opens a replica of a log, which the caller closes.
func replica(t *testing.T, e *fakelog.Engine, disk vfs.FS) *store.Store {
	t.Helper()
	s, err := store.OpenShared(t.Context(), "/store", &store.Options{FS: disk}, store.Shared{Log: e.Connect()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Head(t.Context()); err != nil { // it has all groups
		t.Fatal(err)
	}
	return s
}

// grow appends groups to a log, and returns the disk with the directory of its replica, which is
// closed.
func grow(t *testing.T, e *fakelog.Engine, groups int, tag string) *vfs.Mem {
	t.Helper()
	disk := vfs.NewMem()
	s := replica(t, e, disk)
	for n := range groups {
		if _, err := s.Append(t.Context(), []dcb.Event{{Type: "T", Tags: []string{tag, fmt.Sprint(n)}}, {Type: "T"}}, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return disk
}

// start is the origin of a log for a new store.
var start = sharedlog.Origin{Log: sharedlog.ID{1}, Store: sharedlog.ID{2}}

func read(t *testing.T, e *fakelog.Engine) *cluster.History {
	t.Helper()
	h, err := cluster.Read(t.Context(), e.Connect())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func open(t *testing.T, h *cluster.History, disk *vfs.Mem) *cluster.Directory {
	t.Helper()
	d, err := h.OpenDirectory(disk, "/store")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// TestCompare compares logs of every small length with copies that have their first groups, and
// then others, after every trim.
func TestCompare(t *testing.T) {
	const most = 4
	whole := newEngine(t, start, nil)
	grow(t, whole, most, "log")
	origin, records := whole.History()
	for common := range most + 1 {
		for own := range 3 {
			forked := newEngine(t, origin, records[:common])
			disk := grow(t, forked, own, "own")
			for length := common; length <= most; length++ {
				for trimmed := range length + 1 {
					e := newEngine(t, origin, records[:length])
					if err := e.Connect().Trim(t.Context(), uint64(trimmed)); err != nil {
						t.Fatal(err)
					}
					h := read(t, e)
					if h.First != uint64(trimmed)+1 || h.Last.Index != uint64(length) {
						t.Fatalf("a log of %d groups, %d trimmed, starts with %d and ends with %d", length, trimmed, h.First, h.Last.Index)
					}
					c := comparison{common: uint64(common), own: uint64(own), last: uint64(length), first: uint64(trimmed) + 1}
					d := open(t, h, disk)
					fast, err := h.Compare(t.Context(), d, d.Tail().Index)
					c.check(t, "Compare", fast, err, false)
					all, err := h.CompareAll(t.Context(), d, func(uint64) {})
					c.check(t, "CompareAll", all, err, true)
					if err := d.Close(); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
}

// comparison is a log from group first to last, and a copy that has its first groups, which are
// common, and then own ones.
type comparison struct{ common, own, first, last uint64 }

func (c comparison) check(t *testing.T, what string, have cluster.Comparison, err error, all bool) {
	t.Helper()
	end := c.common + c.own
	differs := c.own > 0 && c.common < c.last
	known := end == 0 || end >= c.last || end >= c.first
	fail := func(text string) { t.Errorf("%s of %+v: %s: %+v %+v, %v", what, c, text, have, have.Difference, err) }
	switch {
	case !known:
		if !errors.Is(err, cluster.ErrTooOld) {
			fail("not too old")
		}
	case err != nil:
		fail("failed")
	case !differs:
		if have.Difference != nil || have.Equal != min(end, c.last) || have.Ahead != (end > c.last) {
			fail("not equal")
		}
	case have.Difference == nil || have.Ahead:
		fail("no difference")
	case have.Difference.Exact:
		d := have.Difference
		if d.From != c.common+1 || have.Equal != c.common || d.Copy == nil || d.Copy.Index != d.From || d.Copy.Position != 2*c.common+1 || d.Copy.Events != 2 {
			fail("another difference")
		}
		if (d.Log == nil) != (d.From < c.first) || d.Log != nil && (d.Log.Index != d.From || d.Log.Time.IsZero()) {
			fail("another group of the log")
		}
	default: // the first difference may have been trimmed
		if c.common+1 > c.first || have.Difference.From != min(max(c.first, c.common+1), end, c.last) {
			fail("a difference that is not exact")
		}
	}
}

func TestComparisonsThatFail(t *testing.T) {
	e := newEngine(t, start, nil)
	disk := grow(t, e, 3, "log")
	origin, records := e.History()
	h := read(t, e)
	d := open(t, h, disk)

	// A log that was changed has another chain at its end, or bytes that are no group.
	flipped := append([]sharedlog.Record(nil), records...)
	flipped[1].Bytes = append([]byte(nil), records[1].Bytes...)
	flipped[1].Bytes[len(flipped[1].Bytes)-1] ^= 1
	changed := read(t, newEngine(t, origin, flipped))
	if _, err := changed.CompareAll(t.Context(), d, func(uint64) {}); !errors.Is(err, dcb.ErrCorruption) {
		t.Errorf("a record that was changed: %v", err)
	}
	e.SetDown(true)
	if _, err := h.CompareAll(t.Context(), d, func(uint64) {}); !errors.Is(err, dcb.ErrTransport) {
		t.Errorf("an engine that is down: %v", err)
	}
	if _, err := cluster.Read(t.Context(), fakelog.New(fakelog.Options{}).Connect()); !errors.Is(err, sharedlog.ErrNoLog) {
		t.Errorf("no log: %v", err)
	}
	origin.Log = sharedlog.ID{9}
	if _, err := read(t, newEngine(t, origin, nil)).OpenDirectory(disk.Kill(), "/store"); !errors.Is(err, dcb.ErrInvalidArgument) {
		t.Errorf("a directory of another log: %v", err)
	}
	origin.Point = sharedlog.Point{Index: 2, Chain: 5}
	origin.Log = sharedlog.ID{1}
	other := read(t, newEngine(t, origin, nil))
	for what, compare := range map[string]func() (cluster.Comparison, error){
		"Compare":    func() (cluster.Comparison, error) { return other.Compare(t.Context(), d, 3) },
		"CompareAll": func() (cluster.Comparison, error) { return other.CompareAll(t.Context(), d, func(uint64) {}) },
	} {
		if c, err := compare(); err != nil || c.Difference == nil || c.Difference.From != 2 || c.Difference.Exact {
			t.Errorf("%s with a log that starts after another group: %+v, %v", what, c, err)
		}
	}
}

// A copy that has grown with the log since its end was read is not ahead of it.
func TestCompareWhileTheLogGrows(t *testing.T) {
	e := newEngine(t, start, nil)
	grow(t, e, 2, "log")
	for what, compare := range map[string]func(*cluster.History, *cluster.Directory) (cluster.Comparison, error){
		"Compare": func(h *cluster.History, d *cluster.Directory) (cluster.Comparison, error) {
			return h.Compare(t.Context(), d, d.Tail().Index)
		},
		"CompareAll": func(h *cluster.History, d *cluster.Directory) (cluster.Comparison, error) {
			return h.CompareAll(t.Context(), d, func(uint64) {})
		},
	} {
		h := read(t, e)
		d := open(t, h, grow(t, e, 1, what))
		if c, err := compare(h, d); c.Ahead || c.Difference != nil || c.Equal < d.Tail().Index-1 || err != nil {
			t.Errorf("%s: %+v, %v", what, c, err)
		}
	}
}
