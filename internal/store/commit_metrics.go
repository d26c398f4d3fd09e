package store

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/histogram"
)

var epoch = time.Now()

// clock returns the time since the program has started. It is monotonic, and cheaper than
// time.Now.
func clock() time.Duration { return time.Since(epoch) }

// commitMetrics counts appends and groups. Only the committer counts those that are durable, so
// it is the only one that writes in an ordinary append.
type commitMetrics struct {
	appended    atomic.Uint64 // appends
	events      atomic.Uint64
	conditional atomic.Uint64 // of the appends, those with a condition

	latency *histogram.Histogram // of appends
	queue   *histogram.Histogram // the time until their group was written
	write   *histogram.Histogram // of groups, and so are the others
	sync    *histogram.Histogram
	whole   *histogram.Histogram

	groupAppends, groupEvents, groupBytes *histogram.Histogram

	_ [64]byte // what follows is written by callers

	conflicts, retries, trackingConflicts atomic.Uint64
	cancelled, errors                     atomic.Uint64
	stale                                 atomic.Uint64
}

func newCommitMetrics() *commitMetrics {
	return &commitMetrics{
		latency:      histogram.New(histogram.Seconds),
		queue:        histogram.New(histogram.Seconds),
		write:        histogram.New(histogram.Seconds),
		sync:         histogram.New(histogram.Seconds),
		whole:        histogram.New(histogram.Seconds),
		groupAppends: histogram.New(histogram.Counts),
		groupEvents:  histogram.New(histogram.Counts),
		groupBytes:   histogram.New(histogram.Bytes),
	}
}

// commitTimes are the times of the clock at which a group reached the parts of a commit.
type commitTimes struct {
	started time.Duration // the committer has it
	written time.Duration
	synced  time.Duration // it is about to be published
}

// observe counts a group that was published, before its callers are answered.
func (m *commitMetrics) observe(g durableGroup) {
	t := &g.times
	write, sync := max(0, t.written-t.started), t.synced-max(t.written, t.started)
	now := clock()
	conditional := uint64(0)
	for _, a := range g.accepted {
		op := a.op
		if op.condition != nil {
			conditional++
		}
		m.latency.ObserveDuration(now - op.started)
		m.queue.ObserveDuration(t.started - op.queued)
		if times := op.request.Times; times != nil {
			times.Queue += t.started - op.queued
			times.Write, times.Sync = write, sync
		}
	}
	m.conditional.Add(conditional)
	m.appended.Add(uint64(len(g.accepted)))
	m.events.Add(uint64(g.count))
	m.write.ObserveDuration(write)
	m.sync.ObserveDuration(sync)
	m.whole.ObserveDuration(now - t.started)
	m.groupAppends.Observe(int64(len(g.accepted)))
	m.groupEvents.Observe(int64(g.count))
	m.groupBytes.Observe(int64(len(g.bytes)))
}

// failed counts an append that has returned an error; err may be nil.
func (m *commitMetrics) failed(err error) {
	if err == nil {
		return
	}
	var e *dcb.Error
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		m.cancelled.Add(1)
	case !errors.Is(err, dcb.ErrIntegrity):
		m.errors.Add(1)
	case errors.As(err, &e) && e.ConflictPosition > 0:
		m.conflicts.Add(1)
	default:
		m.trackingConflicts.Add(1)
	}
}

// start starts the times of an operation.
func (op *operation) start() {
	op.started = clock()
	op.since = op.started
}

// prechecked ends the precheck.
func (op *operation) prechecked() {
	op.queued = op.since
	if op.condition != nil || len(op.changes) > 0 { // otherwise there was nothing to check
		op.queued = clock()
	}
	if times := op.request.Times; times != nil {
		times.Precheck += op.queued - op.since
	}
}

// repeat starts another precheck, of an operation that is stale.
func (op *operation) repeat() {
	op.since = clock()
	if times := op.request.Times; times != nil {
		times.Queue += op.since - op.queued
	}
}
