package eventlog_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
)

// storedBytes returns groups with their headers and those of their segments, as stored.
func storedBytes(groups []eventlog.Group) (stored []byte) {
	for _, g := range groups {
		stored = append(append(append(stored, g.SegmentHeader...), g.Header...), g.Payload...)
	}
	return stored
}

// checkBytes returns how many groups are valid, and the first error.
func checkBytes(stored []byte) (n int, err error) {
	checker := eventlog.Checker{Tail: eventlog.Tail{Next: 1}}
	groups := eventlog.NewGroupBytes(bytes.NewReader(stored), int64(len(stored)))
	for {
		g, err := groups.Next()
		if err == nil {
			err = checker.Check(&g)
		}
		if err != nil {
			return n, err
		}
		n++
	}
}

func TestGroupsAreReadFromBytes(t *testing.T) {
	_, groups := sourceLog(t)
	if n, err := checkBytes(storedBytes(groups)); n != len(groups) || !errors.Is(err, io.EOF) {
		t.Errorf("%d of %d groups, %v", n, len(groups), err)
	}
}

func TestCheckerFindsEveryChange(t *testing.T) {
	_, groups := sourceLog(t)
	some := groups[:12]
	stored := storedBytes(some)
	for i := range stored {
		changed := slices.Clone(stored)
		changed[i] ^= 1 << (i % 8)
		if n, err := checkBytes(changed); n == len(some) || errors.Is(err, io.EOF) {
			t.Fatalf("a change of byte %d was not found: %d groups, %v", i, n, err)
		}
		n, err := checkBytes(stored[:i])
		if atEnd := errors.Is(err, io.EOF); atEnd != (len(storedBytes(some[:n])) == i) || !atEnd && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("truncated at byte %d: %d groups, %v", i, n, err)
		}
	}
	for i := range len(some) - 1 {
		if n, err := checkBytes(storedBytes(slices.Delete(slices.Clone(some), i, i+1))); n != i || !errors.Is(err, eventlog.ErrNotNext) {
			t.Errorf("without group %d: %d groups, %v", i+1, n, err)
		}
		if n, err := checkBytes(storedBytes(slices.Insert(slices.Clone(some), i, some[i]))); n != i+1 || !errors.Is(err, eventlog.ErrNotNext) {
			t.Errorf("with group %d twice: %d groups, %v", i+1, n, err)
		}
	}
}

// A checker can start after any group, of which it need not know the time.
func TestCheckerStartsAfterAnyGroup(t *testing.T) {
	_, groups := sourceLog(t)
	all := eventlog.Checker{Tail: eventlog.Tail{Next: 1}}
	for i := range groups {
		start := all
		start.Tail.Time = 0
		for j := i; j < len(groups); j++ {
			if err := start.Check(&groups[j]); err != nil {
				t.Fatalf("after group %d: %v", i, err)
			}
		}
		other := all
		other.ID[0]++
		if err := other.Check(&groups[i]); all.Base > 0 && !errors.Is(err, eventlog.ErrNotNext) {
			t.Errorf("group %d of another store: error %v", i+1, err)
		}
		must(t, all.Check(&groups[i]))
	}
}
