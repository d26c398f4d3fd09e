package retry_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/internal/retry"
)

func TestPausesBecomeLongerUntilSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost, reachable := 0, 0
		a := retry.Attempts{Lost: func(error) { lost++ }, Reachable: func() { reachable++ }}
		a.Succeeded()
		for range 2 {
			var pauses []time.Duration
			for range 8 {
				before := time.Now()
				if err := a.Failed(t.Context(), errors.New("no answer")); err != nil {
					t.Fatal(err)
				}
				pauses = append(pauses, time.Since(before))
			}
			a.Succeeded()
			a.Succeeded()
			if pauses[0] != 500*time.Millisecond || pauses[3] != 4*time.Second || pauses[7] != 15*time.Second || !slices.IsSorted(pauses) {
				t.Errorf("pauses %v", pauses)
			}
		}
		if lost != 2 || reachable != 2 {
			t.Errorf("lost %d times, reachable again %d times", lost, reachable)
		}
	})
}

func TestPauseEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		before := time.Now()
		var a retry.Attempts
		if err := a.Failed(ctx, errors.New("no answer")); !errors.Is(err, context.DeadlineExceeded) || time.Since(before) != time.Millisecond {
			t.Errorf("error %v after %v", err, time.Since(before))
		}
	})
}
