//go:build !linux

package cli

// EaseTimers does nothing: only Linux has a slack that can be set.
func EaseTimers([]string) {}
