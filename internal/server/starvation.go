package server

import (
	"sync/atomic"
	"time"
)

// starvation measures for how long all calls of one kind have been refused because of
// insufficient memory.
type starvation struct {
	since atomic.Int64 // the first refusal since a call was granted, in Unix ns; 0 for none
	last  atomic.Int64 // the last refusal
}

// refused records that a call was refused.
func (s *starvation) refused() {
	now := time.Now().UnixNano()
	s.last.Store(now)
	s.since.CompareAndSwap(0, now)
}

// granted records that a call was not refused.
func (s *starvation) granted() {
	if s.since.Load() != 0 {
		s.since.Store(0)
	}
}

// lasts returns for how long calls have been refused. It returns 0 if the last refusal
// was at least least ago, since no client has called since.
func (s *starvation) lasts(least time.Duration) time.Duration {
	since, now := s.since.Load(), time.Now()
	if since == 0 || now.Sub(time.Unix(0, s.last.Load())) >= least {
		return 0
	}
	return now.Sub(time.Unix(0, since))
}
