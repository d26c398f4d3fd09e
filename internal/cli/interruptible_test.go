package cli

import (
	"context"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
)

// The goroutine that reads ahead ends when the context is done.
func TestInterruptionEndsReadAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // fails if a goroutine is left
		ctx, interrupt := context.WithCancel(t.Context())
		interruptible(ctx, iotest.OneByteReader(strings.NewReader("abc")))
		synctest.Wait()
		interrupt()
	})
}
