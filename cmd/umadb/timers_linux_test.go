//go:build cgo

package main

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestTimerSlack(t *testing.T) {
	slack, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil {
		t.Skip("timer slack is not supported:", err)
	}
	if slack < 500_000 {
		t.Errorf("the timer slack is %d ns", slack)
	}
}
