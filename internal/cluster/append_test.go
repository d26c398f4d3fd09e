package cluster_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/cluster"
	"github.com/umadb-go/umadb/internal/sharedlog"
)

// failing is a log whose appends fail in different ways.
type failing struct {
	sharedlog.Log
	appends int
	fail    func(n int, append func() error) error
}

func (f *failing) Append(ctx context.Context, after sharedlog.Point, chain uint64, record []byte) error {
	f.appends++
	return f.fail(f.appends, func() error { return f.Log.Append(ctx, after, chain, record) })
}

func TestAppend(t *testing.T) {
	whole := newEngine(t, start, nil)
	disk := grow(t, whole, 6, "log")
	origin, records := whole.History()
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		fail     func(n int, append func() error) error
		kind     error
		appended uint64
	}{
		"no failure":    {func(_ int, append func() error) error { return append() }, nil, 4},
		"lost answers":  {func(_ int, append func() error) error { append(); return broken }, nil, 4},
		"lost requests": {func(n int, append func() error) error { return lost(n%2 == 0, append) }, nil, 4},
		"sent twice":    {func(_ int, append func() error) error { append(); return append() }, nil, 4},
		"no engine":     {func(n int, append func() error) error { return lost(n < 3, append) }, dcb.ErrTransport, 2},
		"too large":     {func(int, func() error) error { return sharedlog.ErrTooLarge }, dcb.ErrTransport, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEngine(t, origin, records[:2])
				h, err := cluster.Read(t.Context(), &failing{Log: e.Connect(), fail: c.fail})
				if err != nil {
					t.Fatal(err)
				}
				d := open(t, h, disk)
				lost, err := h.Lost(t.Context(), d)
				if err != nil || lost.Groups != 4 || lost.Events != 8 || lost.First.Index != 3 || lost.First.Position != 5 || lost.Last.Index != 6 {
					t.Errorf("lost %+v, %v", lost, err)
				}
				var last uint64
				appended, err := h.Append(t.Context(), d, func(index uint64) { last = index })
				if !errors.Is(err, c.kind) || appended != c.appended || appended > 0 && last != appended+2 {
					t.Errorf("appended %d up to %d, %v", appended, last, err)
				}
				_, have := e.History()
				if len(have) != 2+int(c.appended) {
					t.Errorf("the log has %d records", len(have))
				}
				for i, r := range have {
					_, want, _ := sharedlog.Decode(records[i].Bytes)
					if _, group, err := sharedlog.Decode(r.Bytes); err != nil || string(group) != string(want) {
						t.Errorf("record %d has another group, %v", r.Index, err)
					}
				}
				if c.appended == 4 {
					grow(t, e, 1, "after")
				}
			})
		})
	}
}

func lost(arrives bool, append func() error) error {
	if arrives {
		return append()
	}
	return errors.New("broken")
}

// An append that is interrupted can be repeated.
func TestAppendIsInterrupted(t *testing.T) {
	whole := newEngine(t, start, nil)
	disk := grow(t, whole, 6, "log")
	origin, records := whole.History()
	e := newEngine(t, origin, records[:2])
	ctx, cancel := context.WithCancel(t.Context())
	h, err := cluster.Read(ctx, &failing{Log: e.Connect(), fail: func(n int, append func() error) error {
		if n < 3 {
			return append()
		}
		cancel()
		return context.Canceled
	}})
	if err != nil {
		t.Fatal(err)
	}
	d := open(t, h, disk)
	if appended, err := h.Append(ctx, d, func(uint64) {}); appended != 2 || !errors.Is(err, context.Canceled) {
		t.Errorf("appended %d, %v", appended, err)
	}
	if appended, err := read(t, e).Append(t.Context(), d, func(uint64) {}); appended != 2 || err != nil {
		t.Errorf("appended %d, %v", appended, err)
	}
}

// Groups that a server has appended meanwhile are never overwritten.
func TestAppendBesideAServer(t *testing.T) {
	whole := newEngine(t, start, nil)
	disk := grow(t, whole, 4, "log")
	origin, records := whole.History()
	e := newEngine(t, origin, records[:2])
	h := read(t, e)
	d := open(t, h, disk)
	grow(t, e, 1, "other")
	if appended, err := h.Append(t.Context(), d, func(uint64) {}); appended != 0 || !errors.Is(err, dcb.ErrCorruption) {
		t.Errorf("appended %d, %v", appended, err)
	}
	if _, have := e.History(); len(have) != 3 {
		t.Errorf("the log has %d records", len(have))
	}
	// Two repairs at once append the same groups.
	e = newEngine(t, origin, records[:2])
	h, again := read(t, e), read(t, e)
	for _, h := range []*cluster.History{h, again} {
		if appended, err := h.Append(t.Context(), d, func(uint64) {}); appended != 2 || err != nil {
			t.Errorf("appended %d, %v", appended, err)
		}
	}
}
