package retry_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/internal/retry"
)

func TestRandomPausesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := retry.Backoff{First: 100 * time.Millisecond, Last: time.Second}
		longest := map[int]time.Duration{}
		for range 100 {
			b.Succeeded()
			for i := range 40 {
				before := time.Now()
				if err := b.Pause(t.Context()); err != nil {
					t.Fatal(err)
				}
				longest[i] = max(longest[i], time.Since(before))
			}
		}
		for i, bound := range map[int]time.Duration{0: 100 * time.Millisecond, 2: 400 * time.Millisecond, 4: time.Second, 39: time.Second} {
			if longest[i] > bound || longest[i] < bound/2 {
				t.Errorf("the longest pause %d is %v, want at most %v and more than half", i, longest[i], bound)
			}
		}
	})
}

func TestRandomPauseEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := retry.Backoff{First: time.Hour, Last: time.Hour}
	if err := b.Pause(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
