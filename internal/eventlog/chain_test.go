package eventlog_test

import (
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
)

// The tests below build logs from a segment header and groups that are each valid on
// their own.

// groupsOf returns the header and the groups of a log with these payloads, one event
// each.
func groupsOf(t testing.TB, payloads ...string) (header string, groups []string) {
	l, mem := newLog(t)
	var found []eventlog.Group
	for _, payload := range payloads {
		found = append(found, l.commit(1, payload))
	}
	content := read(t, mem, segment(1))
	for _, g := range found {
		groups = append(groups, content[g.Offset:end(g)])
	}
	return content[:eventlog.SegmentHeaderBytes], groups
}

func TestMisplacedGroupsAreCorruption(t *testing.T) {
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
			checkCorruption(t, files{segment(1): header + strings.Join(groups, "") + strings.Repeat("\x00", 200)}, segment(1))
		})
	}
}

// Two stores have the same identity if one is a copy of the other's directory.
func TestGroupOfAnotherHistoryIsCorruption(t *testing.T) {
	header, ours := groupsOf(t, "one", "two", "three")
	_, theirs := groupsOf(t, "one", "2nd", "three")
	for name, groups := range map[string][]string{
		"at the end":    {ours[0], ours[1], theirs[2]},
		"in the middle": {ours[0], theirs[1], ours[2]},
	} {
		t.Run(name, func(t *testing.T) {
			checkCorruption(t, files{segment(1): header + strings.Join(groups, "") + strings.Repeat("\x00", 200)}, segment(1))
		})
	}
}

func TestGroupOfAnotherStoreIsInvalid(t *testing.T) {
	header, ours := groupsOf(t, "one", "two", "three")
	h := eventlog.GroupHeader{Kind: eventlog.KindRecords, Count: 1, Term: 1, Index: 2, Time: clock(2), First: 2}
	first, _ := eventlog.DecodeGroupHeader([]byte(ours[0]), storeID)
	theirs := string(eventlog.EncodeGroup(&h, []byte("two"), eventlog.StoreID{1}, first.Chain))
	if ours[1] == theirs {
		t.Fatal("the encoding does not depend on the identity")
	}
	checkCorruption(t, files{segment(1): header + ours[0] + theirs + ours[2] + strings.Repeat("\x00", 200)}, segment(1))

	l := openTestLog(t, files{segment(1): header + ours[0] + theirs + strings.Repeat("\x00", 200)}.mem(t), small)
	l.checkPayloads("one")
	if l.Torn() == nil {
		t.Error("no torn write is reported at the end of the log")
	}
}

// The data of an event can look like a group, but not like a group of this store.
func TestGroupWithinEventIsInvalid(t *testing.T) {
	_, theirs := groupsOf(t, "inner", "inner too")
	mem := files{}.mem(t)
	options := small
	options.NewID = func() (eventlog.StoreID, error) { return eventlog.StoreID{1}, nil }
	l := openTestLog(t, mem, options)
	l.commit(1, "one")
	last := l.commit(1, theirs[0]+theirs[1])
	all := contents(t, mem)
	l = openTestLog(t, all.with(segment(1), flipBit(all[segment(1)], 8*int(last.Offset))).mem(t), small)
	l.checkPayloads("one")
	if l.Torn() == nil {
		t.Error("the last group is not truncated")
	}
}

func TestCheckFollowsRejectsWrongHeaders(t *testing.T) {
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
		{"group 8 does not continue the chain of the group before it", func(_ *eventlog.GroupHeader, chain *uint64) { *chain++ }},
		{"group 8 starts at position 43 instead of 42", func(h *eventlog.GroupHeader, _ *uint64) { h.First = 43 }},
		{"group 8 was committed before group 7", func(h *eventlog.GroupHeader, _ *uint64) { h.Time = 999 }},
		{"group 8 has unknown kind 3", func(h *eventlog.GroupHeader, _ *uint64) { h.Kind = 3 }},
		{"group 8 has unknown term 2", func(h *eventlog.GroupHeader, _ *uint64) { h.Term = 2 }},
		{"group 8 is a clean-close record but has 3 events in 0 bytes", func(h *eventlog.GroupHeader, _ *uint64) { h.Kind = eventlog.KindClose }},
	} {
		h, chain := right, tail.Chain
		c.change(&h, &chain)
		payload := []byte("payload")
		if h.Kind == eventlog.KindClose {
			payload = nil
		}
		encoded := eventlog.EncodeGroup(&h, payload, storeID, chain)
		if why := eventlog.CheckFollows(&h, encoded, tail); why != c.why {
			t.Errorf("got %q, want %q", why, c.why)
		}
	}
}
