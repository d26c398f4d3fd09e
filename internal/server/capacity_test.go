package server

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// acquireFor acquires bytes for a share as a new reservation, and waits at most for
// patience.
func (r *capacity) acquireFor(s *share, more int64, patience time.Duration) error {
	return r.acquire(s, 0, more, func() (context.Context, context.CancelFunc, error) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		return ctx, cancel, nil
	})
}

// fill acquires bytes one by one until none is left for the share, and returns their number.
func (r *capacity) fill(t *testing.T, s *share) (n int64) {
	t.Helper()
	for r.acquireFor(s, 1, time.Nanosecond) == nil {
		n++
	}
	return n
}

func TestConnectionUsesAtMostAQuarter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, hogs := range []int{1, 2, 8, 40, 100} {
			r := capacity{size: 10_000}
			for range hogs {
				if n := r.fill(t, new(share)); n > r.size/4 {
					t.Errorf("with %d connections, one uses %d of %d", hogs, n, r.size)
				}
			}
			if r.acquireFor(new(share), r.size/5, time.Nanosecond) != nil {
				t.Errorf("with %d connections, there is not enough for a reservation of another", hogs)
			}
		}
	})
}

func TestSingleReservationMayHaveAnySize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := capacity{size: 100}
		var one, other share
		if err := r.acquireFor(&one, 100, time.Second); err != nil {
			t.Error(err)
		}
		if err := r.acquireFor(&other, 1, time.Second); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("more than the capacity: %v", err)
		}
		r.release(&one, 100)
		if err := r.acquireFor(&other, 1, 0); err != nil {
			t.Error(err)
		}
	})
}

func TestLargeReservationIsNotOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := capacity{size: 100}
		small := make([]share, 100)
		for i := range small {
			if err := r.acquireFor(&small[i], 1, time.Second); err != nil {
				t.Fatal(err)
			}
		}
		var large, late share
		order := make(chan string, 2)
		go func() { order <- "large"; _ = r.acquireFor(&large, 60, time.Minute); order <- "large" }()
		synctest.Wait()
		<-order
		go func() { _ = r.acquireFor(&late, 60, time.Minute); order <- "late" }()
		synctest.Wait()
		for i := range small[:60] {
			r.release(&small[i], 1)
			// A later, small reservation does not get the memory.
			if i < 59 {
				if err := r.acquireFor(new(share), 1, time.Nanosecond); err == nil {
					t.Fatal("a small reservation was granted before a large one that waits")
				}
			}
		}
		synctest.Wait()
		if first := <-order; first != "large" {
			t.Errorf("the first is %s", first)
		}
		r.release(&large, 60)
		if second := <-order; second != "late" {
			t.Errorf("the second is %s", second)
		}
	})
}

func TestConnectionWithLeastIsServedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := capacity{size: 100}
		var full, has, none share
		if r.acquireFor(&full, 90, 0) != nil || r.acquireFor(&has, 10, 0) != nil {
			t.Fatal("the capacity is not free")
		}
		order := make(chan string, 2)
		go func() { _ = r.acquireFor(&has, 10, time.Minute); order <- "has" }()
		synctest.Wait()
		go func() { _ = r.acquireFor(&none, 10, time.Minute); order <- "none" }()
		synctest.Wait()
		r.release(&full, 10)
		if first := <-order; first != "none" {
			t.Errorf("the first is %s", first)
		}
		r.release(&full, 80)
		if second := <-order; second != "has" {
			t.Errorf("the second is %s", second)
		}
	})
}
