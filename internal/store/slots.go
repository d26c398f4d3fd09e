package store

import (
	"context"
	"runtime"

	"golang.org/x/sync/semaphore"
)

const (
	// An evaluation is cheap while its query has at most cheapTerms terms and it has
	// taken at most cheapSteps steps. A cheap evaluation never waits for an expensive one.
	cheapTerms = 64
	cheapSteps = sliceSteps
	// cheapPerProcessor is the number of cheap evaluations that may run at a time for
	// each processor. It is high because evaluations may wait for the disk.
	cheapPerProcessor = 32
	// expensiveTerms bounds the total number of terms of the expensive evaluations that
	// run at a time. Each term takes up to termBytes of memory.
	expensiveTerms = 128 << 10
)

// slots bounds the evaluations that run at a time: the cheap ones by number, the
// expensive ones by number and by terms. Slots are granted in the order of requests.
type slots struct {
	cheap, expensive *semaphore.Weighted
	minExpensive     int // minimum weight of an expensive evaluation; bounds their number
}

func newSlots() slots {
	processors := runtime.GOMAXPROCS(0)
	return slots{
		cheap:        semaphore.NewWeighted(int64(cheapPerProcessor * processors)),
		expensive:    semaphore.NewWeighted(expensiveTerms),
		minExpensive: expensiveTerms / max(1, processors/2),
	}
}

// slot is the permission to evaluate one slice. It must be released.
type slot struct {
	semaphore *semaphore.Weighted
	weight    int64
}

// acquire waits for a slot for an evaluation of a query with the given number of terms
// that has taken the given number of steps.
func (s *slots) acquire(ctx context.Context, terms, steps int) (slot, error) {
	acquired := slot{s.cheap, 1}
	if terms > cheapTerms || steps > cheapSteps {
		acquired = slot{s.expensive, int64(min(max(terms, s.minExpensive), expensiveTerms))}
	}
	return acquired, acquired.semaphore.Acquire(ctx, acquired.weight)
}

func (s slot) release() { s.semaphore.Release(s.weight) }
