package cli

import (
	"log/slog"
	"math"
	"runtime/debug"
	"sync"

	"github.com/umadb-go/umadb/internal/store"
)

// What a copy of any size takes: measured by bench/copying.
const (
	leanMemoryLimit = 40 << 20
	leanCacheBytes  = 4 << 20
	leanBlockEvents = 16 << 10
)

// leanness is how the process was before the first of those who are lean.
var leanness struct {
	mu    sync.Mutex
	users int   // guarded by mu
	limit int64 // guarded by mu
}

// lean has the process keep to little memory, for copying may take hours, beside a
// server. It returns what takes that back. Who has set GOMEMLIMIT knows better, and
// GOGC stays as it is.
func lean() (undo func()) {
	l := &leanness
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users++; l.users == 1 {
		l.limit = debug.SetMemoryLimit(-1)
		if l.limit == math.MaxInt64 {
			debug.SetMemoryLimit(leanMemoryLimit)
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

// leanStore are the options of a store that is written and hardly read.
func leanStore(logger *slog.Logger) *store.Options {
	return &store.Options{Logger: logger, CacheBytes: leanCacheBytes, BlockEvents: leanBlockEvents}
}
