//go:build cgo

package main

import (
	"context"
	"time"
)

// softDeadline is a context that can have a deadline for a while. Only Err knows of
// it, which is what a read of a store looks at: a timer would take longer than most
// reads do.
type softDeadline struct {
	context.Context
	end time.Time // zero without a deadline
}

// Err is context.DeadlineExceeded past the deadline.
func (d *softDeadline) Err() error {
	if err := d.Context.Err(); err != nil || d.end.IsZero() || time.Now().Before(d.end) {
		return err
	}
	return context.DeadlineExceeded
}
