package interop_test

import (
	"os/exec"
	"syscall"
	"testing"
)

// wantMemory checks how much memory a process has used at most.
func wantMemory(t *testing.T, ended *exec.Cmd, bytes int64) {
	t.Helper()
	if used := ended.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10; used > bytes {
		t.Errorf("%v used %d MiB of memory, over %d", ended, used>>20, bytes>>20)
	}
}
