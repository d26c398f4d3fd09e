package store

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/vfs"
)

func TestSharedMetricsOfAppendsAndReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sharedEngine(t, fakelog.Options{})
		a := openShared(t, e, vfs.NewMem(), Shared{Address: "http://a"})
		b := openShared(t, e, vfs.NewMem(), Shared{})
		for range 3 {
			mustAppend(t, a, "x")
		}
		if _, err := b.Head(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second) // until both have synced
		m := a.Metrics().Shared
		if m.Applied != 3 || m.Durable != 3 || m.End != 3 || m.Lag != 0 || m.Halt != nil || m.HaltReason != "" {
			t.Errorf("the first store: %+v", m)
		}
		if p := m.Proposals; p.Decided != 3 || p.Seconds.Count() != 3 || p.Lost+p.UnknownOurs+p.UnknownOther+p.Unresolved+m.Withdrawn != 0 {
			t.Errorf("its proposals: %+v", p)
		}
		if want := (WriterState{Known: true, Self: true, Address: "http://a"}); m.Writer != want {
			t.Errorf("its writer: %+v", m.Writer)
		}
		m = b.Metrics().Shared
		if m.Applied != 3 || m.Proposals.Decided != 0 || m.Fresh.Count() != 1 {
			t.Errorf("the second store: %+v", m)
		}
		if groups := groupBytes(t, e, 3); m.AdoptedFromLog != groups || m.AdoptedFromServers != 0 || a.SharedState().AdoptedFromLog != 0 {
			t.Errorf("of %d bytes, the second store has adopted %d and %d, the first %d", groups, m.AdoptedFromLog, m.AdoptedFromServers, a.SharedState().AdoptedFromLog)
		}
		if want := (WriterState{Known: true, Address: "http://a"}); m.Writer != want {
			t.Errorf("its writer: %+v", m.Writer)
		}
		a.Close()
		if m := a.Metrics().Shared; m == nil || m.Durable != 0 {
			t.Errorf("after closing: %+v", m)
		}
		b.Close()
	})
}

// groupBytes returns the bytes of the first groups that were added to a shared log.
func groupBytes(t *testing.T, e *fakelog.Engine, first int) (n uint64) {
	t.Helper()
	_, records := e.History()
	groups, err := groupsOf(records[:first])
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		n += uint64(len(g.bytes))
	}
	return n
}

// appendAll appends n events to each store at once.
func appendAll(t *testing.T, n int, stores ...*Store) {
	t.Helper()
	var appending sync.WaitGroup
	for _, s := range stores {
		appending.Go(func() {
			for range n {
				mustAppend(t, s, "x")
			}
		})
	}
	appending.Wait()
}

func TestProposalsAreCountedByOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sharedEngine(t, fakelog.Options{})
		a := openShared(t, e, vfs.NewMem(), Shared{})
		b := openShared(t, e, vfs.NewMem(), Shared{})
		e.Attack(fakelog.Adversary{Seed: 1, Delay: 20 * time.Millisecond, LostAnswer: 0.4})
		appendAll(t, 400, a, b)
		e.Heal()
		var all ProposalMetrics
		withdrawn, timed := uint64(0), uint64(0)
		for _, s := range []*Store{a, b} {
			m := s.SharedState()
			all.Decided += m.Proposals.Decided
			all.Lost += m.Proposals.Lost
			all.UnknownOurs += m.Proposals.UnknownOurs
			all.UnknownOther += m.Proposals.UnknownOther
			all.Unresolved += m.Proposals.Unresolved
			withdrawn += m.Withdrawn
			timed += m.Proposals.Seconds.Count()
		}
		if all.Decided+all.UnknownOurs != 800 || all.Unresolved != 0 {
			t.Errorf("800 groups were decided: %+v", all)
		}
		if all.Lost == 0 || all.UnknownOurs == 0 || all.UnknownOther == 0 || withdrawn < all.Lost+all.UnknownOther {
			t.Errorf("%+v, withdrawn %d", all, withdrawn)
		}
		if timed != all.Decided+all.UnknownOurs+all.Lost+all.UnknownOther {
			t.Errorf("%d proposals were timed", timed)
		}
		before := a.SharedState().Proposals.Decided
		mustAppend(t, a, "x")
		if now := a.SharedState().Proposals.Decided; now != before+1 {
			t.Errorf("without faults, %d proposals more were decided", now-before)
		}
		a.Close()
		b.Close()
	})
}

// An append that gets no outcome before the store closes is unresolved.
func TestUnresolvedProposalsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sharedEngine(t, fakelog.Options{})
		s := openShared(t, e, vfs.NewMem(), Shared{})
		e.SetDown(true)
		done := make(chan error)
		go func() {
			_, err := s.Append(context.Background(), alternating(1, "x"), nil, nil)
			done <- err
		}()
		synctest.Wait()
		s.Close()
		<-done
		if p := s.SharedState().Proposals; p.Unresolved != 1 || p.Decided != 0 {
			t.Errorf("%+v", p)
		}
	})
}

// The state of a server is asked for when its shared log is down.
func TestStateDoesNotAskTheSharedLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sharedEngine(t, fakelog.Options{})
		s := openShared(t, e, vfs.NewMem(), Shared{})
		mustAppend(t, s, "x")
		e.SetDown(true)
		since := time.Now()
		m, o := s.Metrics(), overviewOf(t, s)
		if m.Head != 1 || m.Log.Bytes == 0 || o.Head != 1 || time.Since(since) > 0 {
			t.Errorf("after %v: head %d, log %d bytes, overview %+v", time.Since(since), m.Head, m.Log.Bytes, o)
		}
		s.Close()
	})
}

func overviewOf(t *testing.T, s *Store) *Overview {
	t.Helper()
	o, err := s.Overview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return o
}
