// Package retry repeats attempts to reach a server or an object store.
package retry

import (
	"context"
	"time"
)

// firstPause and lastPause bound the pause after an attempt that has failed.
const (
	firstPause = 500 * time.Millisecond
	lastPause  = 15 * time.Second
)

// Attempts are attempts to reach something, one after the other. The zero value has
// no callbacks.
type Attempts struct {
	// Lost is called when an attempt has failed after one that succeeded, and after the first
	// attempt if that fails. Reachable is called when one has succeeded again. Each may be nil.
	Lost      func(error)
	Reachable func()

	failures int // since the last success
}

// Succeeded notes that an attempt has succeeded.
func (a *Attempts) Succeeded() {
	if a.failures > 0 && a.Reachable != nil {
		a.Reachable()
	}
	a.failures = 0
}

// Failed notes that an attempt has failed, and waits before the next one, longer after each
// failure. It returns the error of ctx if that is done meanwhile.
func (a *Attempts) Failed(ctx context.Context, err error) error {
	if a.failures == 0 && a.Lost != nil {
		a.Lost(err)
	}
	pause := min(firstPause<<min(a.failures, 10), lastPause)
	a.failures++
	return Wait(ctx, pause)
}
