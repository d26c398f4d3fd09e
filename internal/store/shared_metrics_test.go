package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/sharedlog"
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

func TestStoreIsUnavailableWhileTheSharedLogIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sharedEngine(t, fakelog.Options{})
		s := openShared(t, e, vfs.NewMem(), Shared{LocalReads: true})
		time.Sleep(time.Minute) // only its reports break the silence
		if err := s.Unavailable(); err != nil || s.SharedState().Silence > reportInterval {
			t.Errorf("idle: %v, silent for %v", err, s.SharedState().Silence)
		}
		e.SetDown(true)
		time.Sleep(6 * time.Second)
		if err := s.Unavailable(); err != nil {
			t.Errorf("too early: %v", err)
		}
		time.Sleep(8 * time.Second)
		if err := s.Unavailable(); !errors.Is(err, dcb.ErrTransport) || !strings.Contains(err.Error(), "has not answered this server for 1") {
			t.Errorf("without an answer for 10 s: %v", err)
		}
		var refused *dcb.Error
		if _, err := s.Append(t.Context(), alternating(1, "x"), nil, nil); !errors.As(err, &refused) || !refused.NotAppended {
			t.Errorf("an append while the log is silent is not refused at once: %v", err)
		}
		e.SetDown(false)
		time.Sleep(2 * reportInterval)
		if err := s.Unavailable(); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		mustAppend(t, s, "x")
		s.Close()
	})
}

// An idle store is available soon after a short silence of the shared log, in which its report has
// failed, and is then listed.
func TestStoreIsAvailableSoonAfterASilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sharedEngine(t, fakelog.Options{})
		s := openShared(t, e, vfs.NewMem(), Shared{LocalReads: true})
		for _, silence := range []time.Duration{9 * time.Second, 30 * time.Second} {
			time.Sleep(sharedlog.ReportTTL)
			e.SetDown(true)
			time.Sleep(silence)
			e.SetDown(false)
			time.Sleep(4 * time.Second)
			mustAppend(t, s, "x")
			if reports, err := e.Connect().Replicas(t.Context()); err != nil || len(reports) != 1 {
				t.Errorf("%d stores report, %v", len(reports), err)
			}
		}
		s.Close()
	})
}

func TestStoreIsUnavailableUntilItHasCaughtUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sharedEngine(t, fakelog.Options{})
		a := openShared(t, e, vfs.NewMem(), Shared{})
		for range 3 {
			mustAppend(t, a, "x")
		}
		log := &unread{Log: e.Connect()}
		log.fails.Store(true)
		b, err := OpenShared(t.Context(), "/store", &Options{FS: vfs.NewMem()}, Shared{Log: log})
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{b.CatchingUp(), b.Unavailable()} {
			if !errors.Is(err, dcb.ErrTransport) || !strings.Contains(err.Error(), "has 0 of 3 groups") {
				t.Errorf("when it was opened: %v", err)
			}
		}
		log.fails.Store(false)
		time.Sleep(5 * time.Second)
		log.fails.Store(true)
		mustAppend(t, a, "x")
		for _, late := range []bool{false, true} {
			if err := b.Unavailable(); late != (err != nil) || late && !strings.Contains(err.Error(), "has 3 of 4 groups") {
				t.Errorf("late %v: %v", late, err)
			}
			if err := b.CatchingUp(); err != nil {
				t.Error(err)
			}
			time.Sleep(20 * time.Second)
		}
		a.Close()
		b.Close()
	})
}

// unread is a shared log whose records cannot be read for some time.
type unread struct {
	sharedlog.Log
	fails atomic.Bool
}

func (u *unread) Read(ctx context.Context, from uint64) ([]sharedlog.Record, error) {
	if u.fails.Load() {
		return nil, errors.New("no answer")
	}
	return u.Log.Read(ctx, from)
}

// A store with a bound of its staleness that is shorter than the pause between reports is
// available while the engine answers.
func TestPatienceIsLongerThanThePauseBetweenReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openShared(t, sharedEngine(t, fakelog.Options{}), vfs.NewMem(), Shared{LocalReads: true, MaxStaleness: time.Second})
		for range 100 {
			time.Sleep(700 * time.Millisecond)
			if err := s.Unavailable(); err != nil {
				t.Fatal(err)
			}
		}
		s.Close()
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

func TestLagIsMeasuredWhileTheStoreCannotFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sharedEngine(t, fakelog.Options{})
		a := openShared(t, e, vfs.NewMem(), Shared{})
		b := openShared(t, e, vfs.NewMem(), Shared{LocalReads: true})
		client := e.Connect()
		mustAppend(t, a, "x")
		time.Sleep(5 * time.Second)
		last, err := client.Last(t.Context())
		if err == nil {
			err = client.Append(t.Context(), last, 7, []byte("no record"))
		}
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		m := b.Metrics().Shared
		if m.Applied != 1 || m.End != 2 || m.Lag < 15*time.Second || m.Lag > 20*time.Second {
			t.Errorf("%+v", m)
		}
		if m.HaltReason != HaltDivergence || m.Halt == nil || b.Unavailable() == nil {
			t.Errorf("halt %q: %v, unavailable: %v", m.HaltReason, m.Halt, b.Unavailable())
		}
		a.Close()
		b.Close()
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

// openLogged opens a store whose log lines are returned.
func openLogged(t *testing.T, e *fakelog.Engine, disk vfs.FS, config Shared) (*Store, func() string) {
	t.Helper()
	lines := new(lockedBuffer)
	config.Log = e.Connect()
	s, err := OpenShared(t.Context(), "/store", &Options{FS: disk, Logger: slog.New(slog.NewTextHandler(lines, nil))}, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(); config.Log.Close() })
	return s, lines.String
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestTakingOverIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const line = "took over as writer"
		e := sharedEngine(t, fakelog.Options{})
		a, lines := openLogged(t, e, vfs.NewMem(), Shared{Address: "http://a"})
		b := openShared(t, e, vfs.NewMem(), Shared{Address: "http://b"})
		for range 10 {
			mustAppend(t, a, "x")
		}
		if n := strings.Count(lines(), line); n != 1 {
			t.Errorf("logged %d times: %s", n, lines())
		}
		for range 10 { // many times a minute
			mustAppend(t, b, "x")
			mustAppend(t, a, "x")
			time.Sleep(7 * time.Second)
		}
		if n := strings.Count(lines(), line); n != 2 || !strings.Contains(lines(), "from=http://b") {
			t.Errorf("logged %d times in 70 s: %s", n, lines())
		}
		a.Close()
		b.Close()
	})
}

func TestLostProposalsAreLoggedRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lines := new(lockedBuffer)
		r := races{logger: slog.New(slog.NewTextHandler(lines, nil))}
		want := func(times int) {
			t.Helper()
			if n := strings.Count(lines.String(), "lost in a row"); n != times {
				t.Errorf("logged %d times, want %d", n, times)
			}
		}
		time.Sleep(time.Second)
		for range lostInARow - 1 {
			r.lose()
		}
		r.won(sharedlog.ID{1}, &lastWriter{process: sharedlog.ID{1}})
		for range lostInARow - 1 {
			r.lose()
		}
		want(0)
		r.lose()
		want(1)
		for range 10 * lostInARow {
			r.lose()
		}
		want(1)
		time.Sleep(raceLogInterval)
		for range lostInARow {
			r.lose()
		}
		want(2)
	})
}

func TestCatchingUpIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const line = "caught up with the shared log"
		e := sharedEngine(t, fakelog.Options{})
		a := openShared(t, e, vfs.NewMem(), Shared{})
		mustAppend(t, a, "x")
		b, lines := openLogged(t, e, vfs.NewMem(), Shared{})
		want := func(times int) {
			t.Helper()
			if n := strings.Count(lines(), line); n != times {
				t.Errorf("logged %d times, want %d: %s", n, times, lines())
			}
		}
		time.Sleep(2 * time.Second)
		want(1) // when it was opened
		for range 10 {
			mustAppend(t, a, "x")
			time.Sleep(time.Second)
		}
		want(1)
		e.SetDown(true)
		time.Sleep(time.Minute)
		want(1)
		e.SetDown(false)
		time.Sleep(time.Minute)
		want(2)
		a.Close()
		b.Close()
	})
}

// A store that neither appends nor reads notices that the shared log has lost its groups.
func TestIdleStoreNoticesThatTheSharedLogHasLostGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &forgetful{Log: sharedEngine(t, fakelog.Options{}).Connect()}
		s, err := OpenShared(t.Context(), "/store", &Options{FS: vfs.NewMem()}, Shared{Log: log, LocalReads: true})
		if err != nil {
			t.Fatal(err)
		}
		mustAppend(t, s, "x")
		log.forgets.Store(true)
		time.Sleep(2 * reportInterval)
		if m := s.SharedState(); m.HaltReason != HaltDivergence {
			t.Errorf("%+v", m)
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
