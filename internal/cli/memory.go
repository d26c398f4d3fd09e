package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
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
		return 0, fmt.Errorf("%q is not a size: write 512MiB or 2GiB, for example", text)
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
