package store

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
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
