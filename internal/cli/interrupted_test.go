package cli

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func TestWhatDoesNotReturnIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		disk := make(chan struct{}) // that does not answer
		defer close(disk)
		interrupt()
		if _, err := orInterrupted(ctx, func() (int, error) { <-disk; return 0, nil }); !errors.Is(err, errInterrupted) {
			t.Errorf("it returns %v", err)
		}
	})
}

func TestWhatIsInterruptedEndsInOrder(t *testing.T) {
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
