package admin_test

import (
	"context"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

func TestStatusHasTheLastCopy(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	c := r.admin(t)
	list := func() []*adminv1.CopyStatus {
		t.Helper()
		s, err := c.Status(within(t))
		if err != nil {
			t.Fatal(err)
		}
		return s.GetStore().GetCopies()
	}
	var last eventlog.GroupID
	copyAll := func() {
		t.Helper()
		for g, err := range c.LogGroups(within(t), last, false) {
			if err != nil {
				t.Fatal(err)
			}
			tail := g.Tail()
			last = tail.ID()
		}
	}
	if l := list(); len(l) != 0 {
		t.Errorf("copies of a new server: %v", l)
	}
	r.append(t, nil, dcb.Event{Type: "A"}, dcb.Event{Type: "B"})
	r.append(t, nil, dcb.Event{Type: "C"})
	for range 2 { // the second one gets no group
		copyAll()
		if l := list(); len(l) != 1 || l[0].GetPosition() != 3 || l[0].GetEnded() == nil || l[0].GetEnded().AsTime().Before(l[0].GetStarted().AsTime()) || l[0].GetFollows() {
			t.Errorf("copies after one: %v", l)
		}
	}

	r.append(t, nil, dcb.Event{Type: "D"})
	ctx, stop := context.WithCancel(within(t))
	defer stop()
	for _, err := range c.LogGroups(ctx, last, true) {
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "the copy in progress is known", func() bool {
			l := list()
			return len(l) == 2 && l[0].GetEnded() == nil && l[0].GetFollows() && l[0].GetPosition() == 4 && l[1].GetPosition() == 3
		})
		break // ends the call, whose client has all groups
	}
	eventually(t, "the copy has ended", func() bool {
		l := list()
		return len(l) == 1 && l[0].GetPosition() == 4 && l[0].GetEnded() != nil
	})
	if _, err := first(c.LogGroups(within(t), eventlog.GroupID{Index: 1000}, false)); err == nil {
		t.Error("a copy after an unknown group succeeds")
	}
	if l := list(); len(l) != 1 || l[0].GetPosition() != 4 {
		t.Errorf("copies after one that failed: %v", l)
	}
}

// A copy has all groups that were durable when it started, also if there are newer ones by its end.
func TestCopyBesideAppendsIsComplete(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	const large = 16
	for range large {
		r.append(t, nil, dcb.Event{Type: "A", Data: make([]byte, 1<<20)})
	}
	r.append(t, nil, dcb.Event{Type: "small"})
	last := uint64(0)
	for g, err := range r.admin(t).LogGroups(within(t), eventlog.GroupID{}, false) {
		if err != nil {
			t.Fatal(err)
		}
		if last == 0 { // the server waits, because most groups are not read yet
			r.append(t, nil, dcb.Event{Type: "newer"})
		}
		last = g.Index
	}
	if last != large+1 {
		t.Errorf("the copy ends with group %d, want %d", last, large+1)
	}
}
