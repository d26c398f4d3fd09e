package store

import (
	"context"
	"runtime"

	"golang.org/x/sync/semaphore"
)

const (
	// cheapTerms is the greatest number of terms of a query whose evaluation is
	// cheap: it never waits for one that is not.
	cheapTerms = 64
	// cheapPerProcessor is how many cheap evaluations run at a time, for each
	// processor: they may wait for the disk.
	cheapPerProcessor = 32
	// dearTerms bounds the terms of the other queries that are evaluated at a time.
	// A term takes up to some 700 bytes meanwhile.
	dearTerms = 128 << 10
)

// slots bound the evaluations that run at a time: the cheap ones by number, the
// dear ones by number and by terms. Both are granted in the order of asking.
type slots struct {
	cheap, dear *semaphore.Weighted
	leastDear   int // what a dear evaluation takes at least, so that they are few
}

func newSlots() slots {
	processors := runtime.GOMAXPROCS(0)
	return slots{
		cheap:     semaphore.NewWeighted(int64(cheapPerProcessor * processors)),
		dear:      semaphore.NewWeighted(dearTerms),
		leastDear: dearTerms / max(1, processors/2),
	}
}

// slot is the right to evaluate, to be released.
type slot struct {
	of     *semaphore.Weighted
	weight int64
}

func (s *slots) acquire(ctx context.Context, terms int) (slot, error) {
	taken := slot{s.cheap, 1}
	if terms > cheapTerms {
		taken = slot{s.dear, int64(min(max(terms, s.leastDear), dearTerms))}
	}
	if taken.of.TryAcquire(taken.weight) {
		return taken, nil
	}
	return taken, taken.of.Acquire(ctx, taken.weight)
}

func (t slot) release() { t.of.Release(t.weight) }
