package cli

import (
	"math"
	"runtime/debug"
	"sync"

	"github.com/umadb-go/umadb/internal/store"
)

// What a copy of any size takes: measured by bench/copying.
const (
	leanGCPercent   = 100
	leanMemoryLimit = 40 << 20
	leanCacheBytes  = 4 << 20
	leanBlockEvents = 16 << 10
)

// leanness is how the process was before the first of those who are lean.
var leanness struct {
	mu      sync.Mutex
	users   int   // guarded by mu
	percent int   // guarded by mu
	limit   int64 // guarded by mu
}

// lean has the process keep to little memory, for copying may take hours, beside a
// server. It returns what takes that back. Who has set GOMEMLIMIT knows better.
func lean() (undo func()) {
	l := &leanness
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users++; l.users == 1 {
		l.percent, l.limit = debug.SetGCPercent(leanGCPercent), debug.SetMemoryLimit(-1)
		if l.limit == math.MaxInt64 {
			debug.SetMemoryLimit(leanMemoryLimit)
		}
	}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.users--; l.users == 0 {
			debug.SetGCPercent(l.percent)
			debug.SetMemoryLimit(l.limit)
		}
	}
}

// leanStore are the options of a store that is written and hardly read.
func leanStore() *store.Options {
	return &store.Options{CacheBytes: leanCacheBytes, BlockEvents: leanBlockEvents}
}
