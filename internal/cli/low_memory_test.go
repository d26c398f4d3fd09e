package cli

import (
	"math"
	"runtime/debug"
	"testing"
)

func TestLowMemoryDoesNotChangeGOGC(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(37))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(math.MaxInt64))
	restore := lowMemory()
	limit := debug.SetMemoryLimit(-1)
	percent := debug.SetGCPercent(37)
	restore()
	if limit != lowMemoryLimit || percent != 37 {
		t.Errorf("the limit is %d bytes, the target %d %%", limit, percent)
	}
	if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 {
		t.Errorf("the limit stays at %d bytes", limit)
	}
}
