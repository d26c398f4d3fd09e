package server

import (
	"sync/atomic"
	"time"
)

// starvation measures for how long all calls of one kind have been refused for lack of
// memory.
type starvation struct {
	since atomic.Int64 // the first refusal since a call was granted, in Unix ns; 0 for none
	last  atomic.Int64 // the last refusal
}

// refused notes that a call was refused.
func (s *starvation) refused() {
	now := time.Now().UnixNano()
	s.last.Store(now)
	s.since.CompareAndSwap(0, now)
}

// granted notes that a call was not refused.
func (s *starvation) granted() {
	if s.since.Load() != 0 {
		s.since.Store(0)
	}
}

// lasts returns for how long calls have been refused. If the last refusal is at least
// some time ago, it returns 0: no client tries any more.
func (s *starvation) lasts(least time.Duration) time.Duration {
	since, now := s.since.Load(), time.Now()
	if since == 0 || now.Sub(time.Unix(0, s.last.Load())) >= least {
		return 0
	}
	return now.Sub(time.Unix(0, since))
}
