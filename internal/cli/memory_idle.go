package cli

import (
	"context"
	"runtime"
	"runtime/debug"
	"time"
)

const (
	// restInterval is how often it is seen whether the heap rests.
	restInterval = 15 * time.Second
	// restSlack is how much more than after the last release is not worth one.
	restSlack = 64 << 20
)

// releaseAtRest returns memory to the system once a load is over, until ctx is done.
// With little to do, the program allocates little: it may be minutes until the next
// collection sees that what the load took is free.
func releaseAtRest(ctx context.Context) {
	tick := time.NewTicker(restInterval)
	defer tick.Stop()
	var rest restingHeap
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		if rest.due(resident(&now), now.NumGC) {
			debug.FreeOSMemory()
			runtime.ReadMemStats(&now)
			rest.released(resident(&now), now.NumGC)
		}
	}
}

// resident is about how much memory the system has given, and not got back.
func resident(m *runtime.MemStats) uint64 { return m.Sys - m.HeapReleased }

// restingHeap decides when memory is worth releasing.
type restingHeap struct {
	bytes       uint64 // after the last release
	collections uint32 // until the last look
}

// due reports whether the heap is much larger than after the last release, and the
// program has been nearly idle since the last look.
func (r *restingHeap) due(bytes uint64, collections uint32) bool {
	idle := collections-r.collections <= 1
	r.collections = collections
	return idle && bytes > r.bytes+r.bytes/2+restSlack
}

func (r *restingHeap) released(bytes uint64, collections uint32) {
	r.bytes, r.collections = bytes, collections
}
