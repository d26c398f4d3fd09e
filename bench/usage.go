package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU time in /proc. It is 1/100 s regardless of the kernel's
// timer frequency.
const tick = 10 * time.Millisecond

// cpuTime returns the user and system time that a process and its descendants have used. Only
// PostgreSQL has some, one for each connection, and servers that share a log.
func cpuTime(pid int) (time.Duration, error) {
	total, err := cpuTimeOf(pid)
	for _, child := range descendants(pid) {
		used, err := cpuTimeOf(child)
		if err == nil { // else it has ended, and total is a little too small
			total += used
		}
	}
	return total, err
}

// cpuTimeOf returns the time that a process has used, and its children that have ended.
func cpuTimeOf(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseCPUTime(stat)
}

func parseCPUTime(stat []byte) (time.Duration, error) {
	// The second field is the program's name in parentheses and may contain any
	// character; utime, stime, cutime and cstime are the 14th to the 17th.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 15 {
		return 0, errors.New("/proc/PID/stat is too short")
	}
	var total time.Duration
	for _, field := range fields[11:15] {
		n, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/PID/stat: %w", err)
		}
		total += time.Duration(n) * tick
	}
	return total, nil
}

// descendants returns the processes that a process has started, and those that these have.
func descendants(pid int) []int {
	var found []int
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, name := range lists {
		list, err := os.ReadFile(name)
		if err != nil {
			continue // the thread has ended
		}
		for _, field := range strings.Fields(string(list)) {
			if child, err := strconv.Atoi(field); err == nil {
				found = append(append(found, child), descendants(child)...)
			}
		}
	}
	return found
}

// peakMemory returns the peak resident memory of a process, in bytes. For a process with
// descendants it is the memory of all now, each shared page counted once, since the peaks
// include the shared memory in each of them.
func peakMemory(pid int) (int64, error) {
	family := descendants(pid)
	if len(family) == 0 {
		return memoryOf(pid, "status", "VmHWM:")
	}
	total, err := memoryOf(pid, "smaps_rollup", "Pss:")
	for _, child := range family {
		size, err := memoryOf(child, "smaps_rollup", "Pss:")
		if err == nil {
			total += size
		}
	}
	return total, err
}

// residentMemory returns the resident memory of a process now, with that of its children.
func residentMemory(pid int) (int64, error) {
	if len(descendants(pid)) > 0 {
		return peakMemory(pid)
	}
	return memoryOf(pid, "status", "VmRSS:")
}

// memoryOf returns a line of a process's file in /proc, in bytes.
func memoryOf(pid int, file, key string) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return 0, err
	}
	return parseKilobytes(string(text), key)
}

// parseKilobytes finds a line such as "VmHWM:  1234 kB" and returns its value in
// bytes.
func parseKilobytes(text, key string) (int64, error) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[0] == key && fields[2] == "kB" {
			n, err := strconv.ParseInt(fields[1], 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("no line %s", key)
}

// diskUsage returns the disk space of a file, or of all files in a directory.
func diskUsage(root string) (total int64, err error) {
	err = filepath.WalkDir(root, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			total += allocatedBytes(info)
		}
		return err
	})
	return total, err
}
