package server

import (
	"sync/atomic"
	"time"
)

// starvation reports for how long calls of one kind have been refused for want of
// memory, while none of them was not.
type starvation struct {
	since atomic.Int64 // the first refusal after a call was not refused, in Unix ns; 0 for none
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

// lasts returns for how long calls have been refused. If none has been for as long
// as least, it returns 0: then nobody has tried.
func (s *starvation) lasts(least time.Duration) time.Duration {
	since, now := s.since.Load(), time.Now()
	if since == 0 || now.Sub(time.Unix(0, s.last.Load())) >= least {
		return 0
	}
	return now.Sub(time.Unix(0, since))
}
