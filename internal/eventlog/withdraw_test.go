package eventlog_test

import (
	"fmt"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// Withdrawn groups do not change the bytes of a log. The segments are small, so that some
// withdrawn groups start a new segment.
func TestWithdrawnGroupsLeaveNoTrace(t *testing.T) {
	for _, preallocate := range []bool{false, true} {
		t.Run(fmt.Sprintf("preallocate=%t", preallocate), func(t *testing.T) {
			plain := withdrawing(t, 0, false)
			for every := 1; every <= 3; every++ {
				if have := withdrawing(t, every, preallocate); len(have) != len(plain) {
					t.Errorf("%d groups, want %d", len(have), len(plain))
				} else {
					for i := range have {
						if have[i] != plain[i] {
							t.Errorf("every %d: group %d is %+v, want %+v", every, i, have[i], plain[i])
						}
					}
				}
			}
		})
	}
}

// withdrawing writes groups and returns their headers. Before every nth group, it seals and
// withdraws another one.
func withdrawing(t *testing.T, every int, preallocate bool) (headers []eventlog.GroupHeader) {
	t.Helper()
	mem := vfs.NewMem()
	if err := mem.MkdirAll("log"); err != nil {
		t.Fatal(err)
	}
	held, err := mem.OpenDir("log")
	if err != nil {
		t.Fatal(err)
	}
	id := func() (eventlog.StoreID, error) { return eventlog.StoreID{1}, nil }
	log, appender, writer, err := eventlog.Open(held, eventlog.Options{SegmentBytes: 4096, NewID: id})
	if err != nil {
		t.Fatal(err)
	}
	seal := func(payload string) *eventlog.Sealed {
		if _, err := appender.Reserve(0, len(payload)); err != nil {
			t.Fatal(err)
		}
		return appender.Seal(append(make([]byte, eventlog.GroupPrefix), payload...), eventlog.KindRecords, 1, 1)
	}
	for n := range 40 {
		payload := fmt.Sprintf("%01000d", n)
		if every > 0 && n%every == 0 {
			withdrawn := seal("never written " + payload)
			if preallocate {
				if err := log.Preallocate(); err != nil {
					t.Fatal(err)
				}
			}
			if err := appender.Withdraw(withdrawn); err != nil {
				t.Fatal(err)
			}
		}
		if err := writer.Write(seal(payload)); err != nil {
			t.Fatal(err)
		}
		if err := writer.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	for g, err := range log.Groups(log.Start(), appender.Tail().Index) {
		if err != nil {
			t.Fatal(err)
		}
		headers = append(headers, g.GroupHeader)
	}
	if err := log.Close(appender, writer); err != nil {
		t.Fatal(err)
	}
	if names, err := mem.List("log"); err != nil || len(names) < 5 {
		t.Errorf("the files are %v, %v", names, err)
	} else {
		for _, name := range names {
			if name[:5] == "next-" {
				t.Errorf("%s is left", name)
			}
		}
	}
	return headers
}
