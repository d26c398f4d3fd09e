package pgtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Signal sends a signal to all processes of the server.
func (s *Server) Signal(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if s.process == nil {
		return
	}
	parent := s.process.PID()
	// A stopped parent starts no further process.
	if err := syscall.Kill(parent, syscall.SIGSTOP); err != nil {
		t.Fatalf("server %s: %v", s.name, err)
	}
	children, err := childrenOf(parent)
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range children {
		_ = syscall.Kill(pid, signal) // it may have ended
	}
	if err := syscall.Kill(parent, signal); err != nil {
		t.Fatalf("server %s: %v", s.name, err)
	}
}

// Kill ends all processes of the server at once with SIGKILL.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	if s.process == nil {
		return
	}
	s.Signal(t, syscall.SIGKILL)
	s.process.Kill()
	s.process = nil
}

// childrenOf returns the IDs of the processes that a process has started.
func childrenOf(parent int) (pids []int, err error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		return nil, fmt.Errorf("the processes cannot be listed in /proc: %w", err)
	}
	for _, name := range stats {
		stat, err := os.ReadFile(name)
		if err != nil {
			continue // the process has ended
		}
		// pid (name) state parent …
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
