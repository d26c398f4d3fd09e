//go:build !unix

package etcdtest

import "testing"

// Pause skips the test: a process cannot be stopped here.
func (m *Member) Pause(t testing.TB) { t.Skip("a process cannot be stopped here") }

// Resume does nothing.
func (m *Member) Resume(testing.TB) {}
