package cli

import (
	"context"
	"runtime"
	"runtime/debug"
	"time"
)

const (
	// idleInterval is the time between two checks of the heap size.
	idleInterval = 15 * time.Second
	// idleSlack is by how many bytes memory may grow after a release without another release.
	idleSlack = 64 << 20
)

// releaseWhenIdle returns memory to the system after a load has ended, until ctx is done.
// An idle program allocates little, so it may take minutes until the next collection frees
// the memory of the load.
func releaseWhenIdle(ctx context.Context) {
	tick := time.NewTicker(idleInterval)
	defer tick.Stop()
	var heap idleHeap
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		if heap.due(resident(&now), now.NumGC) {
			runtime.GC() // the content of a sync.Pool survives one collection
			debug.FreeOSMemory()
			runtime.ReadMemStats(&now)
			heap.released(resident(&now), now.NumGC)
		}
	}
}

// resident returns approximately the memory that the program takes from the system, in bytes.
func resident(m *runtime.MemStats) uint64 { return m.Sys - m.HeapReleased }

// idleHeap decides when to release memory.
type idleHeap struct {
	bytes       uint64 // after the last release
	collections uint32 // at the last check
}

// due reports whether the heap is much larger than after the last release, and the
// program has been nearly idle since the last check.
func (r *idleHeap) due(bytes uint64, collections uint32) bool {
	idle := collections-r.collections <= 1
	r.collections = collections
	return idle && bytes > r.bytes+r.bytes/2+idleSlack
}

func (r *idleHeap) released(bytes uint64, collections uint32) {
	r.bytes, r.collections = bytes, collections
}
