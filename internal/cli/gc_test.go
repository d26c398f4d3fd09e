package cli

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func TestGCPercentFor(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		percent            int
		live, cached, want int64 // bytes; want is the growth
	}{
		{200, 4 * mib, 0, 8 * mib},           // as without a cache
		{200, 100 * mib, 0, 200 * mib},       // likewise
		{200, 100 * mib, 80 * mib, 40 * mib}, // of what is not cache
		{100, 100 * mib, 80 * mib, 20 * mib},
		{200, 70 * mib, 66 * mib, 16 * mib}, // the minimum
		{200, 70 * mib, 90 * mib, 16 * mib}, // cached after the collection
		{10, 100 * mib, 90 * mib, 10 * mib}, // never more than without a cache
		{200, 0, 0, 0},
	} {
		got := int64(gcPercentFor(c.percent, c.live, c.cached)) * c.live / 100
		if got > c.want || got < c.want-max(c.live, 1)/100 {
			t.Errorf("%d%% of %d MiB with %d MiB of cache: the heap may grow by %d bytes, want %d", c.percent, c.live/mib, c.cached/mib, got, c.want)
		}
	}
}

func TestGCTargetFollowsCache(t *testing.T) {
	before := debug.SetGCPercent(200)
	defer debug.SetGCPercent(before)
	cache := make([]byte, 256<<20)
	defer startGCTarget(200, func() int64 { return int64(len(cache)) })()
	percent := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		runtime.GC()
		metrics.Read(percent)
		if percent[0].Value.Uint64() < 50 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the target is still %d%%", percent[0].Value.Uint64())
		}
	}
	runtime.KeepAlive(cache)
}
