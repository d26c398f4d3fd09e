package server

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestStarvationLastsWhileAllCallsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const least = 10 * time.Second
		var s starvation
		want := func(lasts time.Duration) {
			t.Helper()
			if got := s.lasts(least); got != lasts {
				t.Errorf("got %v, want %v", got, lasts)
			}
		}
		want(0)
		for range 12 {
			s.refused()
			time.Sleep(time.Second)
		}
		want(12 * time.Second)
		s.granted()
		want(0)
		s.refused()
		time.Sleep(9 * time.Second)
		want(9 * time.Second)
		time.Sleep(time.Second)
		want(0) // no call since 10 seconds
	})
}
