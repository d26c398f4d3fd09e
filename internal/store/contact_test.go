package store

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/vfs"
)

func TestContactMeasuresTheLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		applied := uint64(10)
		c := contact{applied: func() uint64 { return applied }}
		reaches := func(end, has uint64) {
			applied = has
			c.reaches(end, nil)
		}
		want := func(has, wantEnd uint64, want time.Duration) {
			t.Helper()
			applied = has
			if end, lag := c.lag(); end != wantEnd || lag != want {
				t.Errorf("with group %d the end is %d and the lag %v, want %d and %v", has, end, lag, wantEnd, want)
			}
		}
		reaches(10, 10)
		want(10, 10, 0)
		time.Sleep(time.Second)
		reaches(20, 10)
		time.Sleep(time.Second)
		want(10, 20, time.Second)
		reaches(15, 10) // an older answer
		want(19, 20, time.Second)
		want(20, 20, 0)
		want(25, 25, 0) // this store has appended since
		reaches(30, 25)
		time.Sleep(time.Second)
		reaches(40, 26)
		time.Sleep(time.Second)
		want(26, 40, 2*time.Second) // group 30 is missing since then
		want(30, 40, time.Second)
	})
}

// A store that is always a little older than a log that grows does not lag more and more.
func TestLagOfAStoreThatFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var end uint64
		c := contact{applied: func() uint64 { return end - min(end, 5) }}
		for end = range uint64(1000) {
			c.reaches(end, nil)
			time.Sleep(10 * time.Millisecond)
			if _, lag := c.lag(); lag > 200*time.Millisecond {
				t.Fatalf("at group %d the lag is %v", end, lag)
			}
		}
	})
}

func TestContactMeasuresTheSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c contact
		c.answeredWith(nil)
		time.Sleep(time.Second)
		c.answeredWith(errors.New("no connection"))
		if silence := c.silence(); silence != time.Second {
			t.Errorf("silent for %v", silence)
		}
		c.answeredWith(sharedlog.ErrConflict)
		if silence := c.silence(); silence != 0 {
			t.Errorf("after a conflict, silent for %v", silence)
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
