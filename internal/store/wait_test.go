package store_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// wantLacking fails unless err is that of a call that requires more than the store has.
func wantLacking(t *testing.T, err error, texts ...string) {
	t.Helper()
	if !errors.Is(err, dcb.ErrTransport) {
		t.Errorf("error %v, want dcb.ErrTransport", err)
		return
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error %q without %q", err, text)
		}
	}
}

// waitFor calls WaitFor in a goroutine, and returns the channel of its result when it waits.
func waitFor(ctx context.Context, s *store.Store, position uint64) <-chan error {
	done := make(chan error, 1)
	go func() { done <- s.WaitFor(ctx, position) }()
	synctest.Wait()
	return done
}

func TestWaitForEndsAtThePosition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sourceStore(t)
		mustAppend(t, s, "x", 3)
		if err := s.WaitFor(t.Context(), 3); err != nil || s.LastPosition() != 3 {
			t.Errorf("position %d: %v", s.LastPosition(), err)
		}
		done := waitFor(t.Context(), s, 5)
		mustAppend(t, s, "x", 1)
		synctest.Wait()
		select {
		case err := <-done:
			t.Errorf("it ends with position 4: %v", err)
		default:
		}
		mustAppend(t, s, "x", 1)
		if err := <-done; err != nil {
			t.Error(err)
		}
		s.Close()
	})
}

func TestWaitForIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sourceStore(t)
		mustAppend(t, s, "x", 3)
		since := time.Now()
		wantLacking(t, s.WaitFor(t.Context(), 5), "requires position 5", "has position 3", "after 10s")
		if took := time.Since(since); took != 10*time.Second {
			t.Errorf("it took %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.WaitFor(ctx, 5); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, dcb.ErrTransport) {
			t.Errorf("with a deadline: %v", err)
		}
		s.Close()
	})
}

func TestWaitForEndsWithTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sourceStore(t)
		done := waitFor(t.Context(), s, 1)
		s.Close()
		if err := <-done; !errors.Is(err, dcb.ErrClosed) {
			t.Error(err)
		}
	})
}

func TestStandbyWaitsForAPosition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, from := vfs.NewMem(), sourceStore(t)
		appendTracked(t, from, 2)
		if err := startStandby(disk, from); err != nil {
			t.Fatal(err)
		}
		b, err := openStandby(disk)
		if err != nil {
			t.Fatal(err)
		}
		done := waitFor(t.Context(), b.Store, 2)
		if err := copyGroups(b, from); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		wantLacking(t, b.WaitFor(t.Context(), 3), "requires position 3", "has position 2")
		b.Close()
		from.Close()
	})
}

func TestReadOnlyStoreWaitsForAPosition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := vfs.NewMem()
		s, err := store.Open(crashDir, smallOptions(disk))
		if err != nil {
			t.Fatal(err)
		}
		reading := newObserver(t, crashDir, smallOptions(disk)).store
		done := waitFor(t.Context(), reading, 1)
		mustAppend(t, s, "x", 1)
		if err := <-done; err != nil {
			t.Error(err)
		}
		wantLacking(t, reading.WaitFor(t.Context(), 2), "requires position 2", "has position 1")
		reading.Close()
		s.Close()
	})
}
