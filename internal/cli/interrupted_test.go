package cli

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func TestInterruptedOperationThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		disk := make(chan struct{}) // does not respond
		defer close(disk)
		interrupt()
		if _, err := orInterrupted(ctx, func() (int, error) { <-disk; return 0, nil }); !errors.Is(err, errInterrupted) {
			t.Errorf("it returns %v", err)
		}
	})
}

func TestInterruptedOperationThatReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		n, err := orInterrupted(ctx, func() (int, error) {
			interrupt()
			<-ctx.Done()
			return 7, ctx.Err()
		})
		if n != 7 || !errors.Is(err, context.Canceled) {
			t.Errorf("it returns %d, %v", n, err)
		}
	})
}
