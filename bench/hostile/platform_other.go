//go:build !linux

package main

import "syscall"

// On other platforms the harness compiles, but fails because there is no /proc.

func lowerPriority() {}

func narrow(_, _ string, _ syscall.RawConn) error { return nil }
