package sharedlog_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

// A notification of a record that does not exist does not make a loop of Wait and Read spin.
func TestWaitLooksAgainForWhatTheCallerHasNotFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tail sharedlog.Tail
		looks, last := 0, uint64(5)
		wait := func(after uint64) error {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			return tail.Wait(ctx, after, sharedlog.Polling{Interval: time.Second, Look: func(context.Context) error {
				looks++
				tail.Raise(last)
				return nil
			}})
		}
		tail.Raise(1 << 62)
		if err := wait(5); err != nil || looks != 0 {
			t.Errorf("after a notification: %v, and %d looks", err, looks)
		}
		if err := wait(5); err == nil || looks != 1 {
			t.Errorf("the second time: %v, and %d looks", err, looks)
		}
		last = 6
		if err := wait(5); err != nil {
			t.Errorf("after another record: %v", err)
		}
		if err := wait(6); err == nil {
			t.Error("there is no record after 6")
		}
	})
}
