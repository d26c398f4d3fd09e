//go:build cgo

package main

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestTimersMayBeLate(t *testing.T) {
	slack, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil {
		t.Skip("this system has no timer slack:", err)
	}
	if slack < 500_000 {
		t.Errorf("the slack is %d ns", slack)
	}
}
