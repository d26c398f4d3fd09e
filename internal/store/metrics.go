package store

import (
	"context"
	"time"

	"github.com/umadb-go/umadb/internal/histogram"
)

// Metrics describes what a store does and has done since it was opened. Counts never decrease
// while it is open. Histograms of times are in seconds.
type Metrics struct {
	Appends AppendMetrics
	Commits CommitMetrics
	Reads   ReadMetrics
	// Subscriptions are also those that are reads with the deprecated field subscribe.
	Subscriptions SubscriptionMetrics
	Log           LogMetrics
	Index         IndexMetrics
	Cache         CacheMetrics
	Disk          DiskUsage
	Scrub         ScrubMetrics

	Head       uint64    // position of the last event
	LastCommit time.Time // time of the last commit; zero if there is none
	DiskBytes  int64     // bytes of the files of log and index, with preallocated space
	Calls      int64     // calls that are in the store now
	ReadOnly   bool      // appends are not accepted
	// Standby is how far a standby has followed its server; nil if the store is not one.
	Standby *StandbyState
	// Shared is the part of shared mode; nil in other modes.
	Shared *SharedMetrics
	// Failed reports that a write or sync has failed: no append will succeed until the
	// store is opened again.
	Failed bool
}

// AppendMetrics describes appends. The outcome of an append is one of the first six. An import
// counts as one append for each of its requests.
type AppendMetrics struct {
	Appended          uint64 // appends that are durable
	Retries           uint64 // repeated appends that were recognised and not appended again
	Conflicts         uint64 // appends whose condition failed
	TrackingConflicts uint64 // appends whose tracking position was not greater than that recorded
	Cancelled         uint64 // appends whose caller gave up before they were decided
	Errors            uint64 // appends that failed for another reason

	Events uint64 // events appended
	// Conditions is the number of appends whose condition was decided, whatever the result.
	Conditions uint64
	// Stale is how often an append had to be prechecked again, because the events since its
	// precheck were no longer in memory, or because its condition took too many steps.
	Stale uint64

	Latency histogram.Snapshot // seconds from the call to the result, of durable appends
	Queue   histogram.Snapshot // seconds from the precheck until the group was written, of durable appends

	Waiting int           // appends in the queue or in a group that is not durable yet
	Stall   time.Duration // how long appends have been waiting without any being answered; 0 if none waits
}

// CommitMetrics describes commits of groups of appends.
type CommitMetrics struct {
	Write histogram.Snapshot // seconds to write a group
	Sync  histogram.Snapshot // seconds to sync a group
	Whole histogram.Snapshot // seconds from the start of the write until the group was published

	Appends histogram.Snapshot // appends of a group
	Events  histogram.Snapshot // events of a group
	Bytes   histogram.Snapshot // bytes of a group in the log
}

// ReadMetrics describes reads. A read that waits for its client counts as open.
type ReadMetrics struct {
	Started  uint64 // reads
	Open     uint64 // reads in progress now
	Messages uint64 // messages of reads and subscriptions; an embedded read has some too
	Events   uint64 // events of reads and subscriptions

	First histogram.Snapshot // seconds from the start of a read to its first message
	Whole histogram.Snapshot // seconds from the start of a read to its last message
}

// SubscriptionMetrics describes subscriptions.
type SubscriptionMetrics struct {
	Open    int    // subscriptions in progress now
	Lagging int    // of these, those that have not checked all events up to the head
	MaxLag  uint64 // the largest number of positions that one of them has not checked

	Events uint64 // events delivered
	// Delivery is the seconds from the publishing of events until they were passed to a
	// subscription that was waiting for them.
	Delivery histogram.Snapshot
}

// LogMetrics describes the log.
type LogMetrics struct {
	Bytes    int64 // up to the end of the last group
	Segments int   // files
}

// IndexMetrics describes the index.
type IndexMetrics struct {
	Blocks           int    // index blocks, each a file
	BlockBytes       int64  // bytes of these files
	HeadBlocks       int    // blocks in memory that wait to be written to files
	HeadBytes        int    // bytes of memory of all blocks in memory, with the newest
	HeadEvents       uint64 // events that no index block has yet
	CorruptBlocks    int    // index blocks that wait to be rebuilt
	CompactionBlocks int    // index blocks that could be compacted now

	Flushed        uint64 // index blocks written from memory
	FlushFailures  uint64 // failed attempts to do so
	FlushFailing   bool   // the last attempt has failed; appends are refused when too many blocks wait
	Compactions    uint64 // compactions of index blocks
	CompactedBytes uint64 // bytes written by them
	Rebuilt        uint64 // corrupt index blocks that were built again from the log
}

// CacheMetrics describes the cache of index pages, lookups and events.
type CacheMetrics struct {
	Hits   uint64 // lookups that found what they looked for
	Misses uint64 // lookups that did not
	Bytes  int64  // bytes of memory in use
	Limit  int64  // bytes of memory that its content may use
}

// ScrubMetrics describes the background scrub.
type ScrubMetrics struct {
	// LogFindings and IndexFindings are how often the pass in progress, or the last one,
	// whichever found more, has found corruption in the log and in the index.
	LogFindings, IndexFindings uint64
	LastPass                   time.Time // when the last pass ended; zero if there is none
}

// Metrics returns the metrics of the store. It reads no file, but asks for the size of each
// segment of the log. After Close, what describes the files is zero.
func (s *Store) Metrics() Metrics {
	m := Metrics{
		Head:     s.published.Load().head,
		Calls:    s.gate.count(),
		ReadOnly: s.refusal() != nil,
		Standby:  s.StandbyState(),
		Shared:   s.SharedState(),
		Failed:   s.failureError() != nil,
	}
	s.commits.measure(&m)
	for i := range s.reads {
		s.reads[i].measure(&m)
	}
	s.subscriptions.measure(m.Head, &m.Subscriptions)
	m.Cache.Hits, m.Cache.Misses = s.cache.Uses()
	m.Cache.Bytes, m.Cache.Limit = s.cache.Memory(), s.options.CacheBytes
	scrub := s.ScrubStatus()
	m.Scrub = scrub.metrics()
	if s.pipeline != nil {
		m.Appends.Waiting = int(s.pipeline.queue.pending.Load())
		m.Appends.Stall = s.AppendStall()
	}
	if s.gate.enter(context.Background()) == nil {
		defer s.gate.leave()
		s.measureState(&m)
	}
	return m
}

// measureState measures the files and the blocks. The store must be open.
func (s *Store) measureState(m *Metrics) {
	u := &s.upkeep
	x := &m.Index
	x.Flushed, x.FlushFailures, x.FlushFailing = u.flushed.Load(), u.flushFailures.Load(), s.background.flushError.Load() != nil
	x.Compactions, x.CompactedBytes, x.Rebuilt = u.compactions.Load(), u.compactedBytes.Load(), u.rebuilt.Load()
	if o, err := s.Overview(context.Background()); err == nil {
		m.LastCommit, m.DiskBytes = o.LastCommit, o.DiskBytes
		m.Disk = s.DiskUsage()
		m.Log = LogMetrics{Bytes: o.LogBytes, Segments: o.Segments}
		x.HeadEvents = o.Uncovered
	}
	st := s.states.acquire()
	defer st.release()
	x.Blocks, x.CompactionBlocks = len(st.blocks), compactionBacklog(st.blocks)
	for _, b := range st.blocks {
		x.BlockBytes += b.Bytes
		if b.corrupt.Load() {
			x.CorruptBlocks++
		}
	}
	x.HeadBlocks = max(0, len(st.heads)-1)
	for _, h := range st.heads {
		x.HeadBytes += h.Bytes()
	}
}

func (m *commitMetrics) measure(out *Metrics) {
	conflicts, retries := m.conflicts.Load(), m.retries.Load()
	out.Appends = AppendMetrics{
		Appended:          m.appended.Load(),
		Retries:           retries,
		Conflicts:         conflicts,
		TrackingConflicts: m.trackingConflicts.Load(),
		Cancelled:         m.cancelled.Load(),
		Errors:            m.errors.Load(),
		Events:            m.events.Load(),
		Conditions:        m.conditional.Load() + conflicts + retries,
		Stale:             m.stale.Load(),
		Latency:           m.latency.Snapshot(),
		Queue:             m.queue.Snapshot(),
	}
	out.Commits = CommitMetrics{
		Write:   m.write.Snapshot(),
		Sync:    m.sync.Snapshot(),
		Whole:   m.whole.Snapshot(),
		Appends: m.groupAppends.Snapshot(),
		Events:  m.groupEvents.Snapshot(),
		Bytes:   m.groupBytes.Snapshot(),
	}
}

func (s *ScrubStatus) metrics() ScrubMetrics {
	m := ScrubMetrics{LastPass: s.Last.Ended}
	for _, pass := range []*ScrubReport{&s.Pass, &s.Last} {
		inLog, inIndex := pass.More, uint64(0) // those that are not listed may be in the log
		for _, finding := range pass.Findings {
			if finding.Index {
				inIndex++
			} else {
				inLog++
			}
		}
		m.LogFindings, m.IndexFindings = max(m.LogFindings, inLog), max(m.IndexFindings, inIndex)
	}
	return m
}

// measure adds one part of the metrics of reads.
func (m *readMetrics) measure(out *Metrics) {
	r, closed := &out.Reads, m.closed.Load()
	opened := m.opened.Load() // later, so it is not less
	r.Started += opened
	r.Open += opened - closed
	r.Messages += m.messages.Load()
	r.Events += m.events.Load()
	out.Subscriptions.Events += m.delivered.Load()
	for _, h := range []struct {
		to   *histogram.Snapshot
		from *histogram.Histogram
	}{{&r.First, m.first}, {&r.Whole, m.whole}, {&out.Subscriptions.Delivery, m.deliveryLatency}} {
		if h.to.Counts == nil {
			*h.to = h.from.Snapshot()
		} else {
			h.to.Add(h.from.Snapshot())
		}
	}
}
