package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// machine describes where and when the measurements were taken. It contains no host
// name and no path.
type machine struct {
	Date        string  `json:"date"`
	Cores       int     `json:"cores"`
	CPU         string  `json:"cpu"`
	MemoryBytes int64   `json:"memory_bytes"`
	System      string  `json:"system"`
	FileSystem  string  `json:"file_system"`
	SyncMillis  float64 `json:"sync_ms"`
	Load        float64 `json:"load_average"` // of one minute, before the run
	Go          string  `json:"go"`
	Commit      string  `json:"commit"`
}

// describeMachine describes the machine and the file system of dir.
func describeMachine(ctx context.Context, dir string) (machine, error) {
	m := machine{
		Date:   time.Now().UTC().Format(time.DateOnly),
		Cores:  runtime.NumCPU(),
		CPU:    "unknown",
		Go:     runtime.Version(),
		Commit: commit(ctx),
	}
	texts := map[string]string{}
	for _, name := range []string{"cpuinfo", "meminfo", "sys/kernel/osrelease", "self/mountinfo", "loadavg"} {
		text, err := os.ReadFile("/proc/" + name)
		if err != nil {
			return m, err
		}
		texts[name] = string(text)
	}
	if model, ok := cpuModel(texts["cpuinfo"]); ok {
		m.CPU = model
	}
	m.System = fmt.Sprintf("%s %s, %s", runtime.GOOS, strings.TrimSpace(texts["sys/kernel/osrelease"]), runtime.GOARCH)
	m.Load, _ = strconv.ParseFloat(strings.Fields(texts["loadavg"] + " 0")[0], 64)

	var err error
	if m.MemoryBytes, err = parseKilobytes(texts["meminfo"], "MemTotal:"); err != nil {
		return m, err
	}
	if dir, err = filepath.Abs(dir); err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return m, err
	}
	m.FileSystem = fileSystem(texts["self/mountinfo"], dir)
	m.SyncMillis, err = syncMillis(dir)
	return m, err
}

// commit returns the commit of the working tree, and so of the client.
func commit(ctx context.Context) string {
	output, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(output))
}

func cpuModel(cpuinfo string) (string, bool) {
	for line := range strings.Lines(cpuinfo) {
		key, value, _ := strings.Cut(line, ":")
		if strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}

// fileSystem returns the type of the file system that contains an absolute path.
func fileSystem(mountinfo, path string) string {
	found, longest := "unknown", -1
	for line := range strings.Lines(mountinfo) {
		before, after, _ := strings.Cut(line, " - ")
		fields, kind := strings.Fields(before), strings.Fields(after)
		if len(fields) < 5 || len(kind) < 1 {
			continue
		}
		point := strings.TrimSuffix(fields[4], "/")
		if len(point) >= longest && strings.HasPrefix(path+"/", point+"/") {
			found, longest = kind[0], len(point)
		}
	}
	return found
}

// syncMillis returns the median time to write and sync 4 KiB in a file with
// allocated blocks, which is much of the cost of an append.
func syncMillis(dir string) (float64, error) {
	const times, size = 101, 4096
	f, err := os.CreateTemp(dir, "sync-")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.Write(make([]byte, times*size)); err != nil {
		return 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	var taken []time.Duration
	for i := range times {
		began := time.Now()
		if _, err := f.WriteAt(make([]byte, size), int64(i*size)); err != nil {
			return 0, err
		}
		if err := syncData(f); err != nil {
			return 0, err
		}
		taken = append(taken, time.Since(began))
	}
	slices.Sort(taken)
	return millis(percentile(taken, 50)), nil
}
