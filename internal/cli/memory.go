package cli

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// defaultGCPercent makes garbage collections less frequent, which saves CPU time. The memory
// limit bounds the memory that this costs.
const defaultGCPercent = 200

// memoryLimit is a flag: a number of bytes with a unit, "off", or "auto", which is half of
// the memory that this process may use.
type memoryLimit struct {
	text  string
	bytes int64
}

const (
	unlimited           = math.MaxInt64
	fallbackMemoryLimit = 1 << 30
	minAutomaticLimit   = 128 << 20
	// minMemoryLimit is the memory of an idle server. With less, it would only collect
	// garbage.
	minMemoryLimit = 16 << 20
)

// String returns the limit as the user wrote it.
func (m *memoryLimit) String() string { return m.text }

// Type returns the possible values, for the help.
func (m *memoryLimit) Type() string { return "auto|off|BYTES" }

// Set parses "auto", "off", or a number with a unit, as in 512MiB.
func (m *memoryLimit) Set(text string) (err error) {
	switch text {
	case "auto":
		m.bytes = automaticMemoryLimit(os.DirFS("/"))
	case "off":
		m.bytes = unlimited
	default:
		m.bytes, err = parseBytes(text)
	}
	if err == nil && m.bytes < minMemoryLimit {
		err = errors.New("the minimum is 16MiB, and a number without a unit is in bytes: write 512MiB or 2GiB, for example")
	}
	if err == nil {
		m.text = text
	}
	return err
}

// apply sets the limit and the garbage collector's target for the process.
func (m *memoryLimit) apply(gcPercent int) {
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(m.bytes)
}

// cacheFor returns the size of the store's cache for a memory limit, in bytes.
func cacheFor(memory int64) int64 {
	const largest = 64 << 20
	return min(largest, max(memory/16, largest/8))
}

// parseBytes parses a number of bytes: 1048576, 1024KiB, 1MiB.
func parseBytes(text string) (int64, error) {
	number, shift := text, 0
	for i, unit := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if rest, found := strings.CutSuffix(text, unit); found {
			number, shift = rest, 10*(i+1)
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64>>shift {
		return 0, errors.New("it must be a size, such as 512MiB or 2GiB")
	}
	return n << shift, nil
}

// automaticMemoryLimit returns half of the memory of the machine, or of the control group
// if that has less, in bytes. root is the root of the file system.
func automaticMemoryLimit(root fs.FS) int64 {
	total := int64(unlimited)
	if n, ok := machineMemory(root); ok {
		total = n
	}
	for _, name := range groupLimitFiles(root) {
		content, err := fs.ReadFile(root, name)
		if err != nil {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(content)), 10, 64)
		if err == nil && n > 0 {
			total = min(total, n)
		}
	}
	if total == unlimited {
		return fallbackMemoryLimit
	}
	return max(total/2, minAutomaticLimit)
}

// machineMemory returns the memory of the machine in bytes, from Linux's /proc/meminfo.
func machineMemory(root fs.FS) (int64, bool) {
	content, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(content)) {
		words := strings.Fields(line)
		if len(words) == 3 && words[0] == "MemTotal:" && words[2] == "kB" {
			n, err := strconv.ParseInt(words[1], 10, 54)
			return n << 10, err == nil
		}
	}
	return 0, false
}

// groupLimitFiles returns the files that may limit the memory of this process: those of its
// control group and of all parent groups, for cgroups v1 and v2.
func groupLimitFiles(root fs.FS) []string {
	names := []string{"sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"}
	content, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return names
	}
	for line := range strings.Lines(string(content)) {
		group, unified := strings.CutPrefix(strings.TrimSpace(line), "0::/")
		for ; unified && group != "" && group != "."; group = path.Dir(group) {
			names = append(names, path.Join("sys/fs/cgroup", group, "memory.max"))
		}
	}
	return names
}

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
