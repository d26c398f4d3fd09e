package store

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/vfs"
)

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

func TestSlowClockIsLoggedRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lines := new(lockedBuffer)
		r := races{logger: slog.New(slog.NewTextHandler(lines, nil))}
		for _, c := range []struct {
			ahead time.Duration // of the commit
			lines int
		}{{-time.Hour, 0}, {maxClockDelay, 0}, {time.Hour, 1}, {time.Hour, 1}} {
			time.Sleep(time.Second)
			r.timed(time.Now().Add(c.ahead).UnixNano())
			if n := strings.Count(lines.String(), "earlier=1h0m0s"); n != c.lines {
				t.Errorf("after a commit %v ahead, logged %d times, want %d: %s", c.ahead, n, c.lines, lines)
			}
		}
	})
}
