package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// A halt is for one group. It ends when the store has that group, not with an earlier one, and
// does not begin when the store has it already.
func TestHaltIsForAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sharedEngine(t, fakelog.Options{})
		s, other := openShared(t, e, vfs.NewMem(), Shared{}), openShared(t, e, vfs.NewMem(), Shared{})
		mustAppend(t, other, "x")
		time.Sleep(time.Second)
		s.haltFor(1, &adoptError{1, syscall.ENOSPC}) // the writer was faster
		if err := s.halted(); err != nil {
			t.Errorf("halted for a group that the store has: %v", err)
		}
		s.haltFor(3, sharedlog.ErrVersion)
		for group := range uint64(2) {
			if err := s.halted(); err == nil {
				t.Errorf("not halted with %d groups", group+1)
			}
			mustAppend(t, other, "x")
			time.Sleep(time.Second)
		}
		if err := s.halted(); err != nil {
			t.Errorf("halted for a group that was adopted: %v", err)
		}
		mustAppend(t, s, "x")
		s.Close()
		other.Close()
	})
}

func TestKindsOfHalts(t *testing.T) {
	s := openShared(t, sharedEngine(t, fakelog.Options{}), vfs.NewMem(), Shared{})
	for _, c := range []struct {
		err  error
		want HaltReason
	}{
		{sharedlog.ErrCorrupt, HaltDivergence},
		{fmt.Errorf("reading: %w", sharedlog.ErrVersion), HaltVersion},
		{sharedlog.ErrTrimmed, HaltTrimmed},
		{&peersError{dcb.ErrCorruption}, HaltTrimmed},
		{&adoptError{1, errors.New("odd")}, HaltOther},
	} {
		if got := kindOfHalt(s.haltReason(1, c.err)); got != c.want {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
	if kindOfHalt(nil) != "" {
		t.Error("no halt has a reason")
	}
}

// A store that neither appends nor reads notices that the shared log has lost its groups.
func TestIdleStoreNoticesThatTheSharedLogHasLostGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sharedEngine(t, fakelog.Options{})
		log := &forgetful{Log: e.Connect()}
		s, lines := openLogged(t, e, vfs.NewMem(), Shared{Log: log, LocalReads: true})
		mustAppend(t, s, "x")
		durable := func() uint64 {
			reports, err := log.Replicas(t.Context())
			if err != nil || len(reports) != 1 || reports[0].Applied != 1 {
				t.Fatalf("the store reports %+v, %v", reports, err)
			}
			return reports[0].Durable
		}
		if time.Sleep(2 * reportInterval); durable() != 1 {
			t.Errorf("group %d is reported as durable", durable())
		}
		e.SetDown(true) // as while a backup of the engine is restored
		time.Sleep(time.Minute)
		log.forgets.Store(true)
		e.SetDown(false)
		time.Sleep(time.Minute)
		if m := s.SharedState(); m.HaltReason != HaltDivergence {
			t.Errorf("%+v", m)
		}
		if durable() != 0 { // else another store would trim what only that one has
			t.Errorf("group %d of another history is reported as durable", durable())
		}
		if strings.Contains(lines(), "caught up") {
			t.Errorf("a store that does not follow the log logs that it has caught up: %s", lines())
		}
		log.forgets.Store(false) // as after a repair
		time.Sleep(3 * reportInterval)
		if position := mustAppend(t, s, "x"); position != 2 || durable() != 1 {
			t.Errorf("after a repair, an append has position %d, and group %d is reported as durable", position, durable())
		}
		s.Close()
	})
}

// forgetful is a shared log that can lose everything.
type forgetful struct {
	sharedlog.Log
	forgets atomic.Bool
}

func (f *forgetful) Last(ctx context.Context) (sharedlog.Point, error) {
	if f.forgets.Load() {
		return sharedlog.Point{}, nil
	}
	return f.Log.Last(ctx)
}

// A store that no other server completes tries again and again, and logs that once.
func TestHaltIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, e := originOf(t)
		log := e.Connect()
		if err := log.Report(t.Context(), sharedlog.Replica{ID: sharedlog.ID{7}, Address: "gone", Applied: 60}); err != nil {
			t.Fatal(err)
		}
		s, lines := openLogged(t, e, vfs.NewMem(), Shared{Address: "b", Peers: newTestPeers(nil)})
		time.Sleep(sharedlog.ReportTTL)
		if n := strings.Count(lines(), "cannot follow the shared log"); n != 1 {
			t.Errorf("logged %d times: %s", n, lines())
		}
		s.Close()
		log.Close()
	})
}
