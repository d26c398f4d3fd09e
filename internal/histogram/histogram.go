// Package histogram counts observations in fixed exponential buckets, without a lock and
// without allocating. A bucket is twice as wide as the one before it.
package histogram

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// maxBuckets is the maximum number of buckets with a bound.
const maxBuckets = 22

// Scale is the buckets of a histogram.
type Scale struct {
	first uint64  // the inclusive upper bound of the first bucket
	n     int     // number of buckets with a bound
	unit  float64 // what an observation of 1 is in the unit of the snapshot
}

var (
	// Seconds is for durations, which are observed in nanoseconds: from 10 µs to 21 s.
	Seconds = Scale{first: 10_000, n: 22, unit: 1e-9}
	// Bytes is for sizes in bytes: from 64 B to 64 MiB.
	Bytes = Scale{first: 64, n: 21, unit: 1}
	// Counts is for numbers of things: from 1 to 65,536.
	Counts = Scale{first: 1, n: 17, unit: 1}
)

// Histogram is a histogram. It must be created by New.
type Histogram struct {
	scale  Scale
	counts [maxBuckets + 1]atomic.Uint64 // the last one in use has no bound
	sum    atomic.Uint64
}

// New returns a histogram with the buckets of a scale.
func New(scale Scale) *Histogram { return &Histogram{scale: scale} }

// Observe counts a value. A negative value counts as 0.
func (h *Histogram) Observe(value int64) {
	v := uint64(max(value, 0))
	h.counts[h.scale.bucket(v)].Add(1)
	h.sum.Add(v)
}

// ObserveDuration counts a duration. The scale must be Seconds.
func (h *Histogram) ObserveDuration(d time.Duration) { h.Observe(int64(d)) }

// Bucket returns the index of the bucket of a value, as in Snapshot.Counts.
func (s *Scale) Bucket(value int64) int { return s.bucket(uint64(max(value, 0))) }

// bucket returns the index of the bucket of a value: the first one whose bound is not less.
func (s *Scale) bucket(v uint64) int {
	if v <= s.first {
		return 0
	}
	return min(bits.Len64((v-1)/s.first), s.n)
}

// Snapshot is the content of a histogram at one moment. Observations made while it is
// taken may be in the counts and not in the sum.
type Snapshot struct {
	// Bounds are the inclusive upper bounds of the buckets, in seconds, bytes or numbers.
	Bounds []float64
	// Counts are the numbers of observations in each bucket. The last one is of those above
	// all bounds, so it has one element more than Bounds.
	Counts []uint64
	// Sum is the sum of all observations, in the unit of Bounds.
	Sum float64
}

// Snapshot returns the current content.
func (h *Histogram) Snapshot() Snapshot {
	s := Snapshot{Bounds: make([]float64, h.scale.n), Counts: make([]uint64, h.scale.n+1)}
	for i := range s.Bounds {
		s.Bounds[i] = float64(h.scale.first<<i) * h.scale.unit
	}
	for i := range s.Counts {
		s.Counts[i] = h.counts[i].Load()
	}
	s.Sum = float64(h.sum.Load()) * h.scale.unit
	return s
}

// Add adds the content of another histogram with the same buckets.
func (s *Snapshot) Add(other Snapshot) {
	for i := range s.Counts {
		s.Counts[i] += other.Counts[i]
	}
	s.Sum += other.Sum
}

// Count returns the number of all observations.
func (s *Snapshot) Count() (n uint64) {
	for _, count := range s.Counts {
		n += count
	}
	return n
}
