//go:build unix

package etcdtest

import (
	"syscall"
	"testing"
)

// Pause stops the member until Resume. Its connections remain open.
func (m *Member) Pause(t testing.TB) {
	t.Helper()
	m.signal(t, syscall.SIGSTOP)
}

// Resume ends a pause.
func (m *Member) Resume(t testing.TB) {
	t.Helper()
	m.signal(t, syscall.SIGCONT)
}

func (m *Member) signal(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if err := m.process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}
