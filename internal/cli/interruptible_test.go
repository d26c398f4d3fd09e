package cli

import (
	"context"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
)

// What was read ahead, and nobody wants any more, keeps no goroutine.
func TestReadingAheadEndsWithAnInterruption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which fails if one is left
		ctx, interrupt := context.WithCancel(t.Context())
		interruptible(ctx, iotest.OneByteReader(strings.NewReader("abc")))
		synctest.Wait()
		interrupt()
	})
}
