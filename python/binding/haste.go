package main

import (
	"context"
	"errors"
	"time"
)

// haste is a context that can have a deadline for a while. Only Err knows of it,
// which is what a read of a store looks at: a timer would take longer than most
// reads do.
type haste struct {
	context.Context
	end time.Time // zero without a deadline
}

// Err is context.DeadlineExceeded past the deadline.
func (h *haste) Err() error {
	if err := h.Context.Err(); err != nil || h.end.IsZero() || time.Now().Before(h.end) {
		return err
	}
	return context.DeadlineExceeded
}

// late tells whether something ended because of a deadline.
func late(err error) bool { return errors.Is(err, context.DeadlineExceeded) }
