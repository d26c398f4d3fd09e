package client

import (
	"context"
	"math/rand/v2"
	"time"
)

// A call is sent at most 1 + maxResends times, over some 3 to 6 seconds: long
// enough for a server to be restarted.
const (
	maxResends  = 6
	firstPause  = 100 * time.Millisecond
	pauseFactor = 2

	// steady is how long a stream lasts that was not broken from the beginning.
	steady = 10 * time.Second
)

// resends counts how often a call has been sent again without success.
type resends struct {
	count int
}

// pause waits before a call is sent again, longer each time. It returns false
// if the call should not be: too often already, or ctx is done.
func (r *resends) pause(ctx context.Context) bool {
	if r.count == maxResends {
		return false
	}
	pause := firstPause
	for range r.count {
		pause *= pauseFactor
	}
	r.count++
	// Clients that lost the same server should not come back as one.
	timer := time.NewTimer(pause/2 + rand.N(pause/2))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
