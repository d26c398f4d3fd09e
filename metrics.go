package umadb

import (
	"time"

	"github.com/umadb-go/umadb/internal/store"
)

// Measured is implemented by the stores that Open and OpenMemory return.
type Measured interface {
	// Metrics returns the metrics of the store. It is cheap enough to be called every second.
	Metrics() Metrics
}

// Metrics describes what a store does, and what it has done since it was opened. Counts never
// decrease while it is open.
type Metrics struct {
	Appends       AppendMetrics
	Commits       CommitMetrics
	Reads         ReadMetrics
	Subscriptions SubscriptionMetrics
	Log           LogMetrics
	Index         IndexMetrics
	Cache         CacheMetrics
	Disk          DiskMetrics

	// Head is the position of the last event; 0 if there is none.
	Head uint64
	// LastCommit is the time of the last commit; zero if there is none.
	LastCommit time.Time
	// Failed reports that a write or sync has failed: reads continue, and no append succeeds
	// until the store is opened again.
	Failed bool
}

// Histogram is the distribution of durations in seconds, of sizes in bytes, or of numbers.
type Histogram struct {
	// Bounds are the inclusive upper bounds of the buckets, in ascending order.
	Bounds []float64
	// Counts are the numbers of values in each bucket. They are not cumulative. The last one is of the
	// values above all bounds, so there is one more than in Bounds.
	Counts []uint64
	// Sum is the sum of all values.
	Sum float64
}

// Count returns the number of all values.
func (h *Histogram) Count() (n uint64) {
	for _, count := range h.Counts {
		n += count
	}
	return n
}

// AppendMetrics describes appends. Each has one of the first six outcomes.
type AppendMetrics struct {
	Appended          uint64 // appends that are durable
	Retries           uint64 // repeated appends that were recognised and not appended again
	Conflicts         uint64 // appends whose condition failed
	TrackingConflicts uint64 // appends whose tracking position was not greater than that recorded
	Cancelled         uint64 // appends whose context ended before they were decided
	Errors            uint64 // appends that failed for another reason

	Events     uint64 // events of the appends that are durable
	Conditions uint64 // appends whose condition was decided, whatever the result

	Duration Histogram // seconds from the call to the result, of appends that are durable
	Queue    Histogram // of these, seconds for which the append waited for others

	Waiting int           // appends that are not durable yet
	Stall   time.Duration // how long appends have been waiting without any being answered; 0 if none waits
}

// CommitMetrics describes commits. Appends that arrive at the same time share a commit, which
// is one write and one sync of the log.
type CommitMetrics struct {
	Write    Histogram // seconds to write to the log
	Sync     Histogram // seconds to sync the log
	Duration Histogram // seconds from the start of the write until the events could be read

	Appends Histogram // number of appends of a commit
	Events  Histogram // number of events of a commit
	Bytes   Histogram // size of a commit in the log
}

// ReadMetrics describes reads.
type ReadMetrics struct {
	Started uint64 // reads
	Open    uint64 // reads that have not ended
	Events  uint64 // events returned by reads and subscriptions

	First    Histogram // seconds from the start of a read to its first events
	Duration Histogram // seconds from the start of a read to its end, with the time that the caller took
}

// SubscriptionMetrics describes subscriptions.
type SubscriptionMetrics struct {
	Open    int    // subscriptions that have not ended
	Lagging int    // of these, those that have not checked all events up to the head
	MaxLag  uint64 // the largest number of positions that one of them has not checked

	Events uint64 // events returned by subscriptions
	// Delivery is the seconds from the commit of events until a subscription that waited for
	// them had them.
	Delivery Histogram
}

// LogMetrics describes the log, which contains the events.
type LogMetrics struct {
	Bytes    int64 // up to the end of the last commit
	Segments int   // files
}

// IndexMetrics describes the index, which is built from the log. Its newest part is in memory.
type IndexMetrics struct {
	Blocks int   // files
	Bytes  int64 // of these files

	MemoryBytes   int    // memory of the part that is not in files
	MemoryEvents  uint64 // events of this part
	WaitingBlocks int    // blocks of this part that wait to be written; appends wait if there are many

	BlocksWritten  uint64 // blocks written from memory to files
	WriteFailures  uint64 // failed attempts to do so
	WriteFailing   bool   // the last attempt has failed; appends are refused when many blocks wait
	Compactions    uint64 // files merged from others
	CompactedBytes uint64 // bytes written by that
	CorruptBlocks  int    // files that are corrupt, and will be built again from the log
	Rebuilds       uint64 // corrupt files that were built again
}

// CacheMetrics describes the cache of index pages and events.
type CacheMetrics struct {
	Hits     uint64 // lookups that found what they looked for
	Misses   uint64 // lookups that did not
	Bytes    int64  // memory in use
	MaxBytes int64  // memory that the content of the cache may use
}

// DiskMetrics describes the disk space of the store.
type DiskMetrics struct {
	LogBytes      int64 // length of the files of the log, with preallocated space
	IndexBytes    int64 // length of the files of the index
	ReservedBytes int64 // kept for index blocks that are not written yet, and for compactions
	MaxBytes      int64 // Options.MaxDiskBytes; 0 if there is no limit
	// FreeBytes is the free space of the file system, and FileSystemBytes its size. Both are 0
	// if unknown.
	FreeBytes, FileSystemBytes int64
}

// embedded is a store whose metrics are those of this package.
type embedded struct{ *store.Store }

var _ Measured = embedded{}

// Metrics implements Measured.
func (e embedded) Metrics() Metrics { return newMetrics(e.Store.Metrics()) }

func newMetrics(m store.Metrics) Metrics {
	a, c, r, s := &m.Appends, &m.Commits, &m.Reads, &m.Subscriptions
	return Metrics{
		Appends: AppendMetrics{
			Appended: a.Appended, Retries: a.Retries, Conflicts: a.Conflicts, TrackingConflicts: a.TrackingConflicts,
			Cancelled: a.Cancelled, Errors: a.Errors, Events: a.Events, Conditions: a.Conditions,
			Duration: Histogram(a.Latency), Queue: Histogram(a.Queue), Waiting: a.Waiting, Stall: a.Stall,
		},
		Commits: CommitMetrics{
			Write: Histogram(c.Write), Sync: Histogram(c.Sync), Duration: Histogram(c.Whole),
			Appends: Histogram(c.Appends), Events: Histogram(c.Events), Bytes: Histogram(c.Bytes),
		},
		Reads: ReadMetrics{
			Started: r.Started, Open: r.Open, Events: r.Events, First: Histogram(r.First), Duration: Histogram(r.Whole),
		},
		Subscriptions: SubscriptionMetrics{
			Open: s.Open, Lagging: s.Lagging, MaxLag: s.MaxLag, Events: s.Events, Delivery: Histogram(s.Delivery),
		},
		Log:        LogMetrics(m.Log),
		Index:      newIndexMetrics(&m.Index),
		Cache:      CacheMetrics{Hits: m.Cache.Hits, Misses: m.Cache.Misses, Bytes: m.Cache.Bytes, MaxBytes: m.Cache.Limit},
		Disk:       DiskMetrics(m.Disk),
		Head:       m.Head,
		LastCommit: m.LastCommit,
		Failed:     m.Failed,
	}
}

func newIndexMetrics(m *store.IndexMetrics) IndexMetrics {
	return IndexMetrics{
		Blocks: m.Blocks, Bytes: m.BlockBytes,
		MemoryBytes: m.HeadBytes, MemoryEvents: m.HeadEvents, WaitingBlocks: m.HeadBlocks,
		BlocksWritten: m.Flushed, WriteFailures: m.FlushFailures, WriteFailing: m.FlushFailing,
		Compactions: m.Compactions, CompactedBytes: m.CompactedBytes,
		CorruptBlocks: m.CorruptBlocks, Rebuilds: m.Rebuilt,
	}
}
