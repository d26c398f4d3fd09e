package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	mebibyte = 1 << 20
	// memoryLimit is the memory above which the server is killed.
	memoryLimit = 1 << 30
)

// memoryGroup is a control group that limits the memory of one server. With the zero
// value there is no group: the harness watches the memory and kills the server.
type memoryGroup struct {
	dir     string
	version int
}

// newMemoryGroup creates a control group of a version that this process may use, or
// returns the zero value.
func newMemoryGroup() memoryGroup {
	name := fmt.Sprintf("umadb-hostile-%d", os.Getpid())
	for _, g := range []struct {
		memoryGroup
		limit string
	}{
		{memoryGroup{"/sys/fs/cgroup/memory/" + name, 1}, "memory.limit_in_bytes"},
		{memoryGroup{"/sys/fs/cgroup/" + name, 2}, "memory.max"},
	} {
		if os.Mkdir(g.dir, 0o755) != nil {
			continue
		}
		if os.WriteFile(filepath.Join(g.dir, g.limit), []byte(strconv.Itoa(memoryLimit)), 0o644) == nil {
			return g.memoryGroup
		}
		g.remove()
	}
	return memoryGroup{}
}

// remove removes the group. Its process must have exited.
func (g memoryGroup) remove() {
	if g.dir != "" {
		os.Remove(g.dir)
	}
}

// String describes the limit, for the report.
func (g memoryGroup) String() string {
	if g.dir == "" {
		return "1 GiB, watched by the harness"
	}
	return fmt.Sprintf("1 GiB, control group version %d", g.version)
}

// command wraps the command of a server so that it runs in the group and reads the
// limit as in a container, where the root of the version 1 file system is the group
// of the container. files, if not 0, limits the file descriptors.
func (g memoryGroup) command(files int, server []string) []string {
	var script strings.Builder
	if g.dir != "" {
		fmt.Fprintf(&script, "echo $$ > %s/cgroup.procs && ", g.dir)
	}
	if g.version == 1 {
		fmt.Fprintf(&script, "mount --bind %s /sys/fs/cgroup/memory && ", g.dir)
	}
	if files > 0 {
		fmt.Fprintf(&script, "ulimit -n %d && ", files)
	}
	if g.dir == "" {
		// In a container the server uses half of the limit.
		server = append(server, "--memory-limit", strconv.Itoa(memoryLimit/2))
	}
	command := append([]string{"sh", "-c", script.String() + `exec "$@"`, "sh"}, server...)
	if g.version == 1 {
		command = append([]string{"unshare", "--mount"}, command...)
	}
	return command
}

// usage is the resident memory of a process, in bytes.
type usage struct{ resident, peak int64 }

func readUsage(pid int) (usage, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return usage{}, err
	}
	var u usage
	for line := range strings.Lines(string(status)) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			continue
		}
		n, err := strconv.ParseInt(fields[1], 10, 64)
		switch {
		case err != nil:
		case fields[0] == "VmRSS:":
			u.resident = n << 10
		case fields[0] == "VmHWM:":
			u.peak = n << 10
		}
	}
	return u, nil
}
