package eventlog_test

import (
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
)

// A log is a segment's header and groups of which each is sound in itself.

// groupsOf gives the header and the groups of a log with these payloads, one
// event each.
func groupsOf(t testing.TB, payloads ...string) (header string, groups []string) {
	b, mem := begin(t)
	var found []eventlog.Group
	for _, payload := range payloads {
		found = append(found, b.commit(1, payload))
	}
	content := read(t, mem, segment(1))
	for _, g := range found {
		groups = append(groups, content[g.Offset:end(g)])
	}
	return content[:eventlog.SegmentHeaderBytes], groups
}

func TestGroupsOutOfPlaceAreDamage(t *testing.T) {
	header, g := groupsOf(t, "one", "two", "sss", "four")
	for name, groups := range map[string][]string{
		"dropped":    {g[0], g[2], g[3]},
		"duplicated": {g[0], g[1], g[1], g[2]},
		"moved":      {g[0], g[2], g[1], g[3]},
		"reversed":   {g[3], g[2], g[1], g[0]},
		"swapped":    {g[1], g[0], g[2], g[3]},
		"first lost": {g[1], g[2], g[3]},
		"again":      {g[0], g[1], g[2], g[3], g[0]},
	} {
		t.Run(name, func(t *testing.T) {
			damaged(t, files{segment(1): header + strings.Join(groups, "") + strings.Repeat("\x00", 200)}, segment(1))
		})
	}
}

// Two stores may have one identity: a copy of a directory that went its own way.
func TestAGroupOfAnotherHistoryIsDamage(t *testing.T) {
	header, ours := groupsOf(t, "one", "two", "three")
	_, theirs := groupsOf(t, "one", "2nd", "three")
	for name, groups := range map[string][]string{
		"behind another group": {ours[0], ours[1], theirs[2]},
		"in the middle":        {ours[0], theirs[1], ours[2]},
	} {
		t.Run(name, func(t *testing.T) {
			damaged(t, files{segment(1): header + strings.Join(groups, "") + strings.Repeat("\x00", 200)}, segment(1))
		})
	}
}

func TestAGroupOfAnotherStoreIsNone(t *testing.T) {
	header, ours := groupsOf(t, "one", "two", "three")
	h := eventlog.GroupHeader{Kind: eventlog.KindRecords, Count: 1, Term: 1, Index: 2, Time: clock(2), First: 2}
	first, _ := eventlog.DecodeGroupHeader([]byte(ours[0]), storeID)
	theirs := string(eventlog.EncodeGroup(&h, []byte("two"), eventlog.StoreID{1}, first.Chain))
	if ours[1] == theirs {
		t.Fatal("the identity makes no difference")
	}
	damaged(t, files{segment(1): header + ours[0] + theirs + ours[2] + strings.Repeat("\x00", 200)}, segment(1))

	b := open(t, files{segment(1): header + ours[0] + theirs + strings.Repeat("\x00", 200)}.mem(t), small)
	b.has("one")
	if b.Torn() == nil {
		t.Error("it is not reported at the end of the log")
	}
}

// What an event holds may look like a group, but not of this store.
func TestAGroupWithinAnEventIsNone(t *testing.T) {
	_, theirs := groupsOf(t, "inner", "inner too")
	mem := files{}.mem(t)
	options := small
	options.NewID = func() (eventlog.StoreID, error) { return eventlog.StoreID{1}, nil }
	b := open(t, mem, options)
	b.commit(1, "one")
	last := b.commit(1, theirs[0]+theirs[1])
	all := image(t, mem)
	b = open(t, all.with(segment(1), flip(all[segment(1)], 8*int(last.Offset))).mem(t), small)
	b.has("one")
	if b.Torn() == nil {
		t.Error("the last group is not cut")
	}
}

func TestAHeaderFollowsOnlyItsTail(t *testing.T) {
	tail := eventlog.Tail{Index: 7, Chain: 0x1234, Time: 1000, Next: 42}
	right := eventlog.GroupHeader{Kind: eventlog.KindRecords, Count: 3, Term: 1, Index: 8, Time: 1000, First: 42}
	for _, c := range []struct {
		why    string
		change func(*eventlog.GroupHeader, *uint64)
	}{
		{"", func(*eventlog.GroupHeader, *uint64) {}},
		{"", func(h *eventlog.GroupHeader, _ *uint64) { h.Kind, h.Count = eventlog.KindClose, 0 }},
		{"", func(h *eventlog.GroupHeader, _ *uint64) { h.Time = 2000 }},
		{"group 9 follows group 7", func(h *eventlog.GroupHeader, _ *uint64) { h.Index = 9 }},
		{"group 7 follows group 7", func(h *eventlog.GroupHeader, _ *uint64) { h.Index = 7 }},
		{"group 8 does not chain to the group before it", func(_ *eventlog.GroupHeader, chain *uint64) { *chain++ }},
		{"group 8 begins at position 43 instead of 42", func(h *eventlog.GroupHeader, _ *uint64) { h.First = 43 }},
		{"group 8 was committed before group 7", func(h *eventlog.GroupHeader, _ *uint64) { h.Time = 999 }},
		{"group 8 is of unknown kind 3", func(h *eventlog.GroupHeader, _ *uint64) { h.Kind = 3 }},
		{"group 8 is of unknown term 2", func(h *eventlog.GroupHeader, _ *uint64) { h.Term = 2 }},
		{"group 8 is a mark, and has 3 events in 0 bytes", func(h *eventlog.GroupHeader, _ *uint64) { h.Kind = eventlog.KindClose }},
	} {
		h, chain := right, tail.Chain
		c.change(&h, &chain)
		payload := []byte("payload")
		if h.Kind == eventlog.KindClose {
			payload = nil
		}
		encoded := eventlog.EncodeGroup(&h, payload, storeID, chain)
		if why := eventlog.Follows(&h, encoded, tail); why != c.why {
			t.Errorf("it says %q, not %q", why, c.why)
		}
	}
}
