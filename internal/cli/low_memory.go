package cli

import (
	"log/slog"
	"math"
	"runtime/debug"
	"sync"

	"github.com/umadb-go/umadb/internal/store"
)

// What copying a store of any size needs; bench/copying measures it.
const (
	lowMemoryLimit       = 40 << 20
	lowMemoryCacheBytes  = 4 << 20
	lowMemoryBlockEvents = 16 << 10
)

// lowMemoryState counts the callers of lowMemory.
var lowMemoryState struct {
	mu    sync.Mutex
	users int   // callers that have not restored the limit; guarded by mu
	limit int64 // the limit before the first caller; guarded by mu
}

// lowMemory lowers the memory limit of the process, because a copy may run for hours next
// to a server, and returns a function that restores it. It does not change a limit set by
// GOMEMLIMIT, nor GOGC.
func lowMemory() (restore func()) {
	l := &lowMemoryState
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users++; l.users == 1 {
		l.limit = debug.SetMemoryLimit(-1)
		if l.limit == math.MaxInt64 {
			debug.SetMemoryLimit(lowMemoryLimit)
		}
	}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.users--; l.users == 0 {
			debug.SetMemoryLimit(l.limit)
		}
	}
}

// lowMemoryStore returns options for a store that is mostly written.
func lowMemoryStore(logger *slog.Logger) *store.Options {
	return &store.Options{Logger: logger, CacheBytes: lowMemoryCacheBytes, BlockEvents: lowMemoryBlockEvents}
}
