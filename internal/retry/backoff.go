package retry

import (
	"context"
	"math/rand/v2"
	"time"
)

// Backoff is the pauses between the attempts of several programs that compete, or that have
// lost the same server. They are random, so that the programs do not try again together.
type Backoff struct {
	// First bounds the first pause. The bound doubles with each further pause, up to Last.
	First, Last time.Duration

	pauses int // since the last success
}

// Succeeded notes that an attempt has succeeded: the next pause is a first one.
func (b *Backoff) Succeeded() { b.pauses = 0 }

// Pause waits before the next attempt. It returns the error of ctx if that is done meanwhile.
func (b *Backoff) Pause(ctx context.Context) error {
	bound := min(b.First<<min(b.pauses, 20), b.Last)
	b.pauses++
	return Wait(ctx, rand.N(bound)+1)
}

// Wait waits for a time. It returns the error of ctx if that is done meanwhile.
func Wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
