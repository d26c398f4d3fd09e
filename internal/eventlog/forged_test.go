package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// forgedSegment returns a segment without groups and with a valid checksum.
func forgedSegment(previous uint64, tail eventlog.Tail) string {
	return string(eventlog.EncodeSegmentHeader(storeID, previous, tail))
}

func TestImpossibleSegmentIsCorruption(t *testing.T) {
	name := func(base uint64) string { return filepath.Join(dir, fmt.Sprintf("%020d.log", base)) }
	const highest = math.MaxInt64
	for what, c := range map[string]struct {
		first, next *eventlog.Tail
		valid       bool
	}{
		"the first starts at position 5":       {first: &eventlog.Tail{Next: 5}},
		"the first starts after group 4":       {first: &eventlog.Tail{Next: 1, Index: 4}},
		"the first starts at position 0":       {first: &eventlog.Tail{}},
		"the next starts at the last position": {next: &eventlog.Tail{Next: highest, Index: 1}, valid: true},
		"the next starts after all positions":  {next: &eventlog.Tail{Next: highest + 1, Index: 1}},
		"the next starts at 2^64-1":            {next: &eventlog.Tail{Next: math.MaxUint64, Index: 1}},
		"the next starts after all groups":     {next: &eventlog.Tail{Next: 2, Index: highest + 1}},
		"the next starts after the same group": {next: &eventlog.Tail{Next: 2}},
	} {
		t.Run(what, func(t *testing.T) {
			first := eventlog.Tail{Next: 1}
			if c.first != nil {
				first = *c.first
			}
			all := files{name(first.Next): forgedSegment(0, first)}
			forged := name(first.Next)
			if c.next != nil {
				forged = name(c.next.Next)
				all[forged] = forgedSegment(first.Next, *c.next)
			}
			if c.valid {
				openTestLog(t, all.mem(t), small)
				return
			}
			checkCorruption(t, all, forged)
		})
	}
}

// A log never writes a group that Open would reject.
func TestReserveFailsAtTheLastPosition(t *testing.T) {
	base := uint64(math.MaxInt64 - 10)
	all := files{
		segment(1):         forgedSegment(0, eventlog.Tail{Next: 1}),
		segment(int(base)): forgedSegment(1, eventlog.Tail{Next: base, Index: 1}),
	}
	l := openTestLog(t, all.mem(t), small)
	if _, err := l.Reserve(0, 100); err == nil {
		t.Error("Reserve succeeds")
	}
}

func TestCheckFollowsRejectsGroupsOutOfRange(t *testing.T) {
	for name, c := range map[string]struct {
		tail  eventlog.Tail
		count uint32
		valid bool
	}{
		"the last position":   {eventlog.Tail{Index: 1, Next: math.MaxInt64 - 2}, 2, true},
		"one position beyond": {eventlog.Tail{Index: 1, Next: math.MaxInt64 - 2}, 3, false},
		"one group beyond":    {eventlog.Tail{Index: math.MaxInt64, Next: 1}, 1, false},
	} {
		h := eventlog.GroupHeader{Kind: eventlog.KindRecords, Term: 1, Index: c.tail.Index + 1, First: c.tail.Next, Count: c.count}
		encoded := eventlog.EncodeGroup(&h, nil, storeID, 0)
		if why := eventlog.CheckFollows(&h, encoded, c.tail); (why == "") != c.valid {
			t.Errorf("%s: got %q", name, why)
		}
	}
}

// An empty last segment is also compared with the segment before it.
func TestEmptyLastSegmentMustContinueTheOneBefore(t *testing.T) {
	all, groups := rolledLog(t)
	tail := groups[1].Tail()
	for what, change := range map[string]func(){
		"nothing":      func() {},
		"the chain":    func() { tail.Chain++ },
		"the position": func() { tail.Next++; delete(all, segment(5)) },
	} {
		tail, all = groups[1].Tail(), all.with(segment(5), "")
		change()
		last := filepath.Join(dir, fmt.Sprintf("%020d.log", tail.Next))
		l := openTestLog(t, all.with(last, forgedSegment(3, tail)+strings.Repeat("\x00", 100)).mem(t), small)
		var corruption *vfs.CorruptionError
		for _, err := range l.Groups(l.Start(), l.Tail().Index) {
			if err != nil && !errors.As(err, &corruption) {
				t.Fatal(err)
			}
		}
		if (corruption == nil) != (what == "nothing") {
			t.Errorf("change of %s: %v", what, corruption)
		}
	}
}

func TestHeaderAtAcceptsAnyOffset(t *testing.T) {
	all, groups := rolledLog(t)
	l := openTestLog(t, all.mem(t), small)
	for offset, want := range map[int64]bool{groups[0].Offset: true, -1: false, 0: false, 1 << 40: false, math.MinInt64: false, math.MaxInt64: false} {
		if _, valid, err := l.HeaderAt(1, offset); valid != want || err != nil {
			t.Errorf("at %d: %v, %v", offset, valid, err)
		}
	}
}

func TestScanCanBeInterrupted(t *testing.T) {
	all, _ := rolledLog(t)
	all[segment(5)] += strings.Repeat("\x00", 8<<20)
	options := small
	reads := 0
	options.ReadOnly = true
	options.Interrupted = func() error {
		reads++
		if reads > 3 {
			return context.Canceled
		}
		return nil
	}
	if _, err := openLog(all.mem(t), options); !errors.Is(err, context.Canceled) || reads != 4 {
		t.Errorf("after %d reads: %v", reads, err)
	}
}
