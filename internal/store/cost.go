package store

import (
	"context"
	"errors"
	"runtime"

	"golang.org/x/sync/semaphore"

	"github.com/umadb-go/umadb/internal/index"
)

// The cost of an evaluation is counted in steps. A step is one lookup of a term in a
// block, or one seek in a term's postings. It takes about 100 ns in memory, and at
// most a few page reads on disk.
const (
	// sliceSteps is the least step limit of a slice.
	sliceSteps = 16 << 10
	// stepsPerTerm is the number of steps for each term of the query in the limit of a
	// slice: enough to look up all terms and to decide one position.
	stepsPerTerm = 4
	// checkEvery is the number of steps after which the caller's context is checked.
	checkEvery = 64
)

// errStepLimit is returned when an evaluation has reached its step limit.
var errStepLimit = errors.New("the evaluation has reached its step limit")

// meter counts the steps of an evaluation.
type meter struct {
	steps, limit int    // of the current slice
	total        int    // steps of all slices
	caller       caller // may be the zero value, which is never interrupted
}

// caller is who waits for an evaluation.
type caller struct {
	ctx    context.Context
	store  *Store
	giveUp <-chan struct{} // closed when the caller cancels; may be nil
}

// interrupted returns an error if the evaluation must stop.
func (c *caller) interrupted() error {
	select {
	case <-c.giveUp:
		return context.Canceled
	default:
		return c.store.interrupted(c.ctx)
	}
}

func (m *meter) step() error {
	m.steps++
	m.total++
	if m.steps > m.limit {
		return errStepLimit
	}
	if m.caller.store != nil && m.steps%checkEvery == 0 {
		return m.caller.interrupted()
	}
	return nil
}

// metered is the postings of one term within a slice. Each seek is a step. Keys above
// the last key of the slice are not looked up.
type metered struct {
	index.Postings
	meter *meter
	last  uint64
}

// Seek implements index.Postings.
func (p *metered) Seek(key uint64) (uint64, bool, error) {
	if key > p.last {
		return 0, false, nil
	}
	if err := p.meter.step(); err != nil {
		return 0, false, err
	}
	return p.Postings.Seek(key)
}

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
	passes           *semaphore.Weighted // for slices of passes over all terms; one runs at a time
	passEntries      uint64              // entriesPerSlice, or fewer in tests
	stateSteps       int                 // stepsPerState, or fewer in tests
	minExpensive     int                 // minimum weight of an expensive evaluation; bounds their number
}

func newSlots() slots {
	processors := runtime.GOMAXPROCS(0)
	return slots{
		cheap:        semaphore.NewWeighted(int64(cheapPerProcessor * processors)),
		expensive:    semaphore.NewWeighted(expensiveTerms),
		passes:       semaphore.NewWeighted(1),
		passEntries:  entriesPerSlice,
		stateSteps:   stepsPerState,
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
