package cli

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

// minHeadroom is by how many bytes the heap may always grow until the next collection.
const minHeadroom = 16 << 20

// gcTarget sets the target of the garbage collector after each collection. The runtime lets the
// heap grow by a percentage of what is in use. A full cache is most of that, and makes no garbage
// on its own, so here it does not count: otherwise it would take its size several times.
type gcTarget struct {
	percent int          // of the memory in use that is not cache
	cached  func() int64 // bytes of the cache
	set     int          // as in GOGC
	stopped atomic.Bool
}

// startGCTarget sets the target after each collection until stop is called.
func startGCTarget(percent int, cached func() int64) (stop func()) {
	t := &gcTarget{percent: percent, cached: cached, set: percent}
	t.afterNext()
	return func() { t.stopped.Store(true) }
}

// afterNext adjusts the target after the next collection.
func (t *gcTarget) afterNext() {
	garbage := new([4]*gcTarget) // not so small that it shares its memory
	runtime.AddCleanup(garbage, (*gcTarget).adjust, t)
}

func (t *gcTarget) adjust() {
	if t.stopped.Load() {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	target := gcPercentFor(t.percent, int64(live[0].Value.Uint64()), t.cached())
	// Setting it stops all goroutines for a moment, so ignore small changes.
	if 10*max(target-t.set, t.set-target) > t.set {
		debug.SetGCPercent(target)
		t.set = target
	}
	t.afterNext()
}

// gcPercentFor returns the target, as in GOGC, with which the heap grows by a percentage of the
// live bytes without the cached ones.
func gcPercentFor(percent int, live, cached int64) int {
	live = max(live, 1)
	headroom := max(minHeadroom, int64(percent)*max(0, live-cached)/100)
	return int(min(int64(percent), max(1, 100*headroom/live)))
}
