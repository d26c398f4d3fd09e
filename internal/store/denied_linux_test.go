package store_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
)

// asOtherUser calls do without the privileges of root. The thread that calls it ends
// afterwards.
func asOtherUser(t *testing.T, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if os.Getuid() == 0 {
			runtime.LockOSThread() // never unlocked, so that the thread ends
			if _, err := unix.SetfsuidRetUid(65534); err != nil {
				t.Error(err)
				return
			}
		}
		do()
	}()
	<-done
}

func TestUnreadableFileIsNotCorruption(t *testing.T) {
	above, err := os.MkdirTemp("", "denied-") // the parent of t.TempDir is accessible to its owner only
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(above) })
	dir := filepath.Join(above, "uma.db")
	s := openStore(t, dir, diskOptions())
	for range 10 {
		mustAppend(t, s, "one", 3)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"", "log", "index", "LOCK", "log/00000000000000000001.log"} {
		everything := func(path string, entry fs.DirEntry, err error) error {
			if os.Getuid() == 0 && err == nil {
				err = os.Chown(path, 65534, -1)
			}
			return err
		}
		if err := filepath.WalkDir(above, everything); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, part)
		before, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0); err != nil {
			t.Fatal(err)
		}
		asOtherUser(t, func() {
			s, opening := store.Open(dir, nil)
			if opening == nil {
				s.Close()
			}
			_, checking := store.Check(t.Context(), dir, nil)
			for _, err := range []error{opening, checking} {
				if !errors.Is(err, dcb.ErrIO) || errors.Is(err, dcb.ErrCorruption) || !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), path) {
					t.Errorf("%s: %v", part, err)
				}
			}
		})
		if err := os.Chmod(path, before.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
	mustContainEvents(t, dir, 30)
}
