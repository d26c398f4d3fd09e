//go:build !linux

package main

// easeTimers does nothing: only Linux has a slack that can be set.
func easeTimers() {}
