package store

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// wantStuck fails unless WaitFor ends at once with an error that names both positions and a cause.
func wantStuck(t *testing.T, s *Store, cause string) {
	t.Helper()
	since := time.Now()
	err := s.WaitFor(t.Context(), 9)
	if !errors.Is(err, dcb.ErrTransport) || time.Since(since) > 0 {
		t.Errorf("after %v: %v", time.Since(since), err)
		return
	}
	for _, text := range []string{"requires position 9", "has position 1", cause} {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error %q without %q", err, text)
		}
	}
}

// A store with local reads waits for what its client has appended at another one, and asks the
// shared log for nothing.
func TestLocalReadsWaitForAPosition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sharedEngine(t, fakelog.Options{})
		a := openShared(t, e, vfs.NewMem(), Shared{})
		b := openShared(t, e, vfs.NewMem(), Shared{LocalReads: true, MaxStaleness: 3 * time.Second})
		for range 10 {
			position := mustAppend(t, a, "x")
			if err := b.WaitFor(t.Context(), position); err != nil || b.LastPosition() < position {
				t.Fatalf("position %d of %d: %v", b.LastPosition(), position, err)
			}
		}
		e.SetDown(true)
		since := time.Now()
		if err := b.WaitFor(t.Context(), 11); !errors.Is(err, dcb.ErrTransport) || time.Since(since) != 3*time.Second {
			t.Errorf("after %v: %v", time.Since(since), err)
		}
		if err := b.WaitFor(t.Context(), 10); err != nil {
			t.Error(err)
		}
		e.SetDown(false)
		a.Close()
		b.Close()
	})
}

func TestHaltedStoreDoesNotWaitForAPosition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sharedEngine(t, fakelog.Options{})
		s := openShared(t, e, vfs.NewMem(), Shared{LocalReads: true, MaxStaleness: time.Minute})
		mustAppend(t, s, "x")
		done := make(chan error, 1)
		go func() { done <- s.WaitFor(t.Context(), 2) }()
		client := e.Connect()
		last, err := client.Last(t.Context())
		if err == nil {
			err = client.Append(t.Context(), last, 7, []byte("no record"))
		}
		if err != nil {
			t.Fatal(err)
		}
		since := time.Now()
		if err := <-done; !errors.Is(err, dcb.ErrTransport) || time.Since(since) > 30*time.Second {
			t.Errorf("after %v: %v", time.Since(since), err)
		}
		wantStuck(t, s, "does not continue")
		s.Close()
	})
}

func TestFailedStoreDoesNotWaitForAPosition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := Open("/store", &Options{FS: vfs.NewMem()})
		if err != nil {
			t.Fatal(err)
		}
		mustAppend(t, s, "x")
		done := make(chan error, 1)
		go func() { done <- s.WaitFor(t.Context(), 2) }()
		synctest.Wait()
		since := time.Now()
		s.fail(errors.New("the disk is broken"))
		if err := <-done; !errors.Is(err, dcb.ErrTransport) || time.Since(since) > 0 {
			t.Errorf("after %v: %v", time.Since(since), err)
		}
		wantStuck(t, s, "the disk is broken")
		s.Close()
	})
}
