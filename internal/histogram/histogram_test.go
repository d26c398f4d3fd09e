package histogram_test

import (
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/histogram"
)

var scales = map[string]histogram.Scale{"seconds": histogram.Seconds, "bytes": histogram.Bytes, "counts": histogram.Counts}

func TestBoundsAreInclusive(t *testing.T) {
	for name, scale := range scales {
		bounds := histogram.New(scale).Snapshot().Bounds
		unit := 1.0
		if name == "seconds" {
			unit = 1e9
		}
		for i, bound := range bounds {
			h := histogram.New(scale)
			value := int64(math.Round(bound * unit))
			h.Observe(value)
			h.Observe(value + 1)
			s := h.Snapshot()
			if s.Counts[i] != 1 || s.Counts[i+1] != 1 {
				t.Errorf("%s: %d and %d are in the buckets %v, not %d and %d", name, value, value+1, s.Counts, i, i+1)
			}
		}
	}
}

func TestBoundsAreExponential(t *testing.T) {
	for name, c := range map[string]struct{ first, last float64 }{
		"seconds": {0.00001, 20.97152}, "bytes": {64, 64 << 20}, "counts": {1, 65536},
	} {
		bounds := histogram.New(scales[name]).Snapshot().Bounds
		for i := 1; i < len(bounds); i++ {
			if math.Abs(bounds[i]/bounds[i-1]-2) > 1e-9 {
				t.Errorf("%s: %v follows %v", name, bounds[i], bounds[i-1])
			}
		}
		first, last := bounds[0], bounds[len(bounds)-1]
		if math.Abs(first/c.first-1) > 1e-9 || math.Abs(last/c.last-1) > 1e-9 {
			t.Errorf("%s: the bounds are from %v to %v, want %v to %v", name, first, last, c.first, c.last)
		}
	}
}

func TestExtremeValues(t *testing.T) {
	h := histogram.New(histogram.Counts)
	for _, value := range []int64{math.MinInt64, -1, 0, math.MaxInt64} {
		h.Observe(value)
	}
	s := h.Snapshot()
	if s.Counts[0] != 3 || s.Counts[len(s.Counts)-1] != 1 || s.Sum != math.MaxInt64 {
		t.Errorf("snapshot %v", s)
	}
}

func TestDurationsAreInSeconds(t *testing.T) {
	h := histogram.New(histogram.Seconds)
	h.ObserveDuration(1500 * time.Millisecond)
	s := h.Snapshot()
	at := slices.Index(s.Counts, 1)
	if s.Sum != 1.5 || at < 1 || s.Bounds[at-1] >= 1.5 || s.Bounds[at] < 1.5 {
		t.Errorf("1.5 s is in bucket %d of %v, sum %v", at, s.Bounds, s.Sum)
	}
}

func TestConcurrentObservationsAreAllCounted(t *testing.T) {
	h := histogram.New(histogram.Bytes)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 1000 {
				h.Observe(int64(g * i))
			}
		})
	}
	wg.Wait()
	s := h.Snapshot()
	if s.Count() != 8000 || s.Sum != 28*999*1000/2 {
		t.Errorf("%d observations with sum %v", s.Count(), s.Sum)
	}
}

func TestAddAddsAllBuckets(t *testing.T) {
	a, b := histogram.New(histogram.Counts), histogram.New(histogram.Counts)
	a.Observe(1)
	b.Observe(1)
	b.Observe(1 << 40)
	s := a.Snapshot()
	s.Add(b.Snapshot())
	if last := len(s.Counts) - 1; s.Counts[0] != 2 || s.Counts[last] != 1 || s.Sum != 1<<40+2 {
		t.Errorf("the sum is %v", s)
	}
}

func TestObserveDoesNotAllocate(t *testing.T) {
	h := histogram.New(histogram.Seconds)
	if n := testing.AllocsPerRun(100, func() { h.Observe(12345678) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
