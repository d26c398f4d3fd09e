package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// hasFailed reports whether the store accepts no more appends.
func hasFailed(s *store.Store) bool {
	select {
	case <-s.Failed():
		return true
	default:
		return false
	}
}

func TestStoreFailsWhenDirectoryIsMoved(t *testing.T) {
	for _, moved := range []string{"/above", "/above/store", "/above/store/log"} {
		t.Run(moved, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk := vfs.NewMem()
				var log bytes.Buffer
				options := smallOptions(disk)
				options.Logger = slog.New(slog.NewTextHandler(&log, nil))
				s, err := store.Open("/above/store", options)
				if err != nil {
					t.Fatal(err)
				}
				mustAppend(t, s, "before", 3)
				time.Sleep(time.Minute)
				if hasFailed(s) {
					t.Fatal("the store has failed without a cause")
				}
				disk.MoveDir(moved, "/elsewhere")
				time.Sleep(time.Second + time.Millisecond)
				if !hasFailed(s) {
					t.Fatal("the store has not failed")
				}
				_, err = s.Append(t.Context(), newEvents("lost", 1), nil, nil)
				if !errors.Is(err, dcb.ErrIO) || !errors.Is(err, vfs.ErrMoved) || !strings.Contains(err.Error(), "/above/store") {
					t.Errorf("an append: %v", err)
				}
				if n := countEvents(t, s); n != 3 {
					t.Errorf("%d events can be read instead of 3", n)
				}
				if err := s.Close(); !errors.Is(err, vfs.ErrMoved) {
					t.Errorf("close: %v", err)
				}
				if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
					t.Errorf("%d errors logged, want 1: %s", n, log.String())
				}
				disk.MoveDir("/elsewhere", moved)
				again, err := store.Open("/above/store", smallOptions(disk))
				if err != nil {
					t.Fatal(err)
				}
				defer again.Close()
				if n := countEvents(t, again); n != 3 {
					t.Errorf("after moving it back, %d events can be read instead of 3", n)
				}
			})
		})
	}
}

// The last file may be removed, or replaced by an older copy.
func TestStoreFailsWhenLastLogFileIsRemoved(t *testing.T) {
	for _, appended := range []int{1, 40} {
		t.Run(fmt.Sprintf("after %d appends", appended), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _, disk := newFaultyStore(t)
				for i := range appended {
					mustAppend(t, s, fmt.Sprint(i), 2)
				}
				time.Sleep(time.Minute)
				if hasFailed(s) {
					t.Fatal("the store has failed without a cause")
				}
				var last string
				for _, name := range disk.Files() {
					if filepath.Ext(name) == ".log" {
						last = name
					}
				}
				if err := disk.Remove(last); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second + time.Millisecond)
				_, err := s.Append(t.Context(), newEvents("lost", 1), nil, nil)
				if !errors.Is(err, dcb.ErrIO) || !errors.Is(err, vfs.ErrMoved) || !strings.Contains(err.Error(), last) {
					t.Errorf("an append: %v", err)
				}
				if n := countEvents(t, s); n != 2*appended {
					t.Errorf("%d events can be read instead of %d", n, 2*appended)
				}
				if err := s.Close(); !errors.Is(err, vfs.ErrMoved) {
					t.Errorf("close: %v", err)
				}
			})
		})
	}
}

// A path that cannot be checked may still lead to the directory.
func TestFailedPathCheckDoesNotFailStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f, _ := newFaultyStore(t)
		f.set(failOn("checkpath", "", syscall.EACCES))
		time.Sleep(time.Minute)
		mustAppend(t, s, "one", 1)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestStoreFailsWhenDirectoryIsRemoved(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("open files cannot be removed on Windows")
	}
	for name, wait := range map[string]bool{"detected by the watcher": true, "detected by Close": false} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "uma.db")
			s, err := store.Open(dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			mustAppend(t, s, "one", 1)
			for deadline := time.Now().Add(time.Minute); ; { // the store may create a file meanwhile
				if err := os.RemoveAll(dir); err == nil {
					break
				} else if time.Now().After(deadline) {
					t.Fatal(err)
				}
			}
			if wait {
				<-s.Failed()
				if _, err := s.Append(t.Context(), newEvents("lost", 1), nil, nil); !errors.Is(err, vfs.ErrMoved) {
					t.Errorf("an append: %v", err)
				}
			}
			if err := s.Close(); !errors.Is(err, vfs.ErrMoved) || !strings.Contains(err.Error(), dir) {
				t.Errorf("close: %v", err)
			}
		})
	}
}
