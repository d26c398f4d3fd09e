package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

func TestCPUTimeIsUserAndSystemTimeWithEndedChildren(t *testing.T) {
	const stat = "42 (a (tricky) name) S 1 42 42 0 -1 4194304 100 0 0 0 150 25 7 8 20 0 9 0 12345 1000000 500"
	got, err := parseCPUTime([]byte(stat))
	if want := 1900 * time.Millisecond; err != nil || got != want {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
}

func TestMalformedCPUTimeIsAnError(t *testing.T) {
	for _, stat := range []string{"", "42 (name)", "42 (name) S 1 2 3 4 5 6 7 8 9 10 x y z"} {
		if got, err := parseCPUTime([]byte(stat)); err == nil {
			t.Errorf("%q is parsed as %v", stat, got)
		}
	}
}

func TestDescendantsBelongToTheServer(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the benchmark runs on Linux")
	}
	parent := exec.Command("sh", "-c", "sh -c 'sleep 60 & echo $!; wait' & wait")
	output, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	defer parent.Wait()
	defer parent.Process.Kill()
	var child int
	if _, err := fmt.Fscan(output, &child); err != nil {
		t.Fatal(err)
	}
	started, err := os.FindProcess(child)
	if err != nil {
		t.Fatal(err)
	}
	defer started.Kill()
	if found := descendants(parent.Process.Pid); len(found) != 2 || found[1] != child {
		t.Errorf("descendants %v, want a shell and %d", found, child)
	}
	both, err := peakMemory(parent.Process.Pid)
	one, err2 := memoryOf(child, "smaps_rollup", "Pss:")
	if err != nil || err2 != nil || one <= 0 || both <= one {
		t.Errorf("%d bytes, of them %d of the child; %v, %v", both, one, err, err2)
	}
}

func TestKilobytes(t *testing.T) {
	const status = "Name:\tumadb\nVmPeak:\t  999 kB\nVmHWM:\t   12 kB\nThreads:\t7\n"
	if got, err := parseKilobytes(status, "VmHWM:"); err != nil || got != 12<<10 {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := parseKilobytes(status, "VmSwap:"); err == nil {
		t.Error("no error for a missing line")
	}
}

func TestDiskUsageAddsUpFiles(t *testing.T) {
	dir := t.TempDir()
	os.Mkdir(filepath.Join(dir, "sub"), 0o755)
	for _, name := range []string{"a", "sub/b"} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, 1<<16), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// The result depends on the file system.
	if _, err := diskUsage(dir); err != nil {
		t.Error(err)
	}
	if _, err := diskUsage(filepath.Join(dir, "missing")); err == nil {
		t.Error("no error for a missing directory")
	}
}
