package store

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/vfs"
)

func TestPreferredWriterIsThatOfTheLastRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sharedEngine(t, fakelog.Options{})
		a, b := openShared(t, e, vfs.NewMem(), Shared{Address: "a"}), openShared(t, e, vfs.NewMem(), Shared{Address: "b"})
		want := func(when, wantA, wantB string) {
			t.Helper()
			for _, s := range []*Store{a, b} {
				if _, err := s.Head(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if gotA, gotB := a.PreferredWriter(), b.PreferredWriter(); gotA != wantA || gotB != wantB {
				t.Errorf("%s: %q and %q are preferred, want %q and %q", when, gotA, gotB, wantA, wantB)
			}
		}
		want("without a record", "", "")
		mustAppend(t, a, "x")
		want("after a record of a", "", "a")
		mustAppend(t, b, "x")
		want("after a record of b", "b", "")
		time.Sleep(preferredFor)
		want("at the end", "b", "")
		time.Sleep(time.Millisecond)
		want("some time later", "", "")

		mustAppend(t, b, "x")
		want("after another one", "b", "")
		client := e.Connect()
		last, err := client.Last(t.Context())
		if err == nil {
			record, _ := sharedlog.Encode(sharedlog.Envelope{}, []byte("no group"))
			err = client.Append(t.Context(), last, 7, record)
		}
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := a.PreferredWriter(); got != "" {
			t.Errorf("a store that has halted prefers %q", got)
		}
	})
}

// A store that was started again prefers itself, and not the process before.
func TestStorePrefersItselfAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sharedEngine(t, fakelog.Options{})
		mustAppend(t, openShared(t, e, vfs.NewMem(), Shared{Address: "a"}), "x")
		again := openShared(t, e, vfs.NewMem(), Shared{Address: "a"})
		if _, err := again.Head(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := again.PreferredWriter(); got != "" {
			t.Errorf("it prefers %q", got)
		}
	})
}

func TestDecide(t *testing.T) {
	e := sharedEngine(t, fakelog.Options{})
	s := openShared(t, e, vfs.NewMem(), Shared{})
	event := dcb.Event{Type: "t", Tags: []string{"x"}, UUID: "00000000-0000-4000-8000-000000000001"}
	condition := &dcb.AppendCondition{FailIfEventsMatch: tagged("x")}
	if _, err := s.Append(t.Context(), []dcb.Event{event}, condition, nil); err != nil {
		t.Fatal(err)
	}
	other := event
	other.UUID = "00000000-0000-4000-8000-000000000002"
	for name, c := range map[string]struct {
		event     dcb.Event
		condition *dcb.AppendCondition
		decided   bool
		position  uint64
		err       error
	}{
		"no condition":             {other, nil, false, 0, nil},
		"a condition that holds":   {other, &dcb.AppendCondition{FailIfEventsMatch: tagged("x"), After: 1}, false, 0, nil},
		"a condition that fails":   {other, condition, true, 0, dcb.ErrIntegrity},
		"an append that is there":  {event, condition, true, 1, nil},
		"one that is there before": {event, &dcb.AppendCondition{FailIfEventsMatch: tagged("x"), After: 1}, false, 0, nil},
	} {
		request, err := record.NewAppend([]dcb.Event{c.event}, c.condition, nil, s.Limits())
		if err != nil {
			t.Fatal(err)
		}
		position, decided, err := s.Decide(t.Context(), request)
		if decided != c.decided || position != c.position || !errors.Is(err, c.err) || c.err == nil && err != nil {
			t.Errorf("%s: %d, %v, %v", name, position, decided, err)
		}
	}
	if _, records := e.History(); len(records) != 1 {
		t.Errorf("the shared log has %d records", len(records))
	}
}

// An append that loses against another server can be left to that one.
func TestAppendStopsIfItIsLost(t *testing.T) {
	for _, stops := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			e := sharedEngine(t, fakelog.Options{})
			a, log := openShared(t, e, vfs.NewMem(), Shared{Address: "a"}), e.Connect()
			b, err := OpenShared(t.Context(), "/store", &Options{FS: vfs.NewMem()}, Shared{Log: log, Address: "b"})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			log.SetDown(true)
			request, err := record.NewAppend(alternating(1, "x"), nil, nil, b.Limits())
			if err != nil {
				t.Fatal(err)
			}
			request.StopIfLost = stops
			time.AfterFunc(time.Second, func() { mustAppend(t, a, "x"); log.SetDown(false) })
			position, err := b.Commit(t.Context(), request, nil)
			want, records := uint64(2), 2
			if stops {
				want, records = 0, 1
			}
			if position != want || errors.Is(err, record.ErrLost) != stops || err != nil && !stops {
				t.Errorf("stops %v: position %d, %v", stops, position, err)
			}
			if _, history := e.History(); len(history) != records {
				t.Errorf("stops %v: the shared log has %d records", stops, len(history))
			}
		})
	}
}
