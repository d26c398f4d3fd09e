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

// asNobody runs something as a user who may be denied what root may do. The thread
// that does it ends afterwards.
func asNobody(t *testing.T, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if os.Getuid() == 0 {
			runtime.LockOSThread() // and never unlock it
			if _, err := unix.SetfsuidRetUid(65534); err != nil {
				t.Error(err)
				return
			}
		}
		do()
	}()
	<-done
}

func TestALogThatMayNotBeReadIsNoCorruption(t *testing.T) {
	above, err := os.MkdirTemp("", "denied-") // t.TempDir has a parent for its owner alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(above) })
	dir := filepath.Join(above, "uma.db")
	s := open(t, dir, onDisk())
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
		asNobody(t, func() {
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
	mustHold(t, dir, 30)
}
