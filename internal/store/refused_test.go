package store_test

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// appendUntil appends until an append fails, and returns its error and how many
// events were stored.
func appendUntil(t *testing.T, s *store.Store) (stored int, err error) {
	t.Helper()
	for stored < 1000 {
		if _, err := s.Append(t.Context(), appends("some", 2), nil, nil); err != nil {
			return stored, err
		}
		stored += 2
	}
	t.Fatal("no append failed")
	return 0, nil
}

// Each refusal says why. None of these harms the log.
func TestAnAppendIsRefusedForWhatTheDiskSays(t *testing.T) {
	for _, c := range []struct {
		kind string
		err  error
		says string
	}{
		{"allocate", syscall.ENOSPC, "there is no room for the append"},
		{"allocate", syscall.EDQUOT, "there is no room for the append"},
		{"create", syscall.ENOSPC, "there is no room for the append"},
		{"create", syscall.EMFILE, "too many files are open"},
		{"create", syscall.ENFILE, "too many files are open"},
		{"create", syscall.EIO, "space for the append could not be made"},
		{"create", syscall.EACCES, "space for the append could not be made"},
	} {
		t.Run(fmt.Sprint(c.kind, " ", c.err), func(t *testing.T) {
			s, f, disk := faulty(t)
			mustAppend(t, s, "before", 1)
			f.set(failing(c.kind, "log", c.err))
			stored, err := appendUntil(t, s)
			if !errors.Is(err, dcb.ErrIO) || !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("the append: %v", err)
			}
			if !vfs.IsFull(c.err) && strings.Contains(err.Error(), "room") {
				t.Errorf("it is called a lack of space: %v", err)
			}
			if hasFailed(s) {
				t.Error("the store has failed")
			}
			f.set(nil)
			mustAppend(t, s, "after", 1)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			mustBeSound(t, "afterwards", disk)
			again, err := store.Open(crashDir, tiny(disk))
			if err != nil {
				t.Fatal(err)
			}
			defer again.Close()
			if n := count(t, again); n != stored+2 {
				t.Errorf("%d events can be read instead of %d", n, stored+2)
			}
		})
	}
}

// A segment that the disk fails to make longer is not written any more.
func TestAFailedDiskEndsAppendingForGood(t *testing.T) {
	disk, f := vfs.NewMem(), new(faults)
	s, err := store.Open(crashDir, &store.Options{FS: vfs.Observe(disk, f.before)})
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, "before", 3)
	f.set(failing("allocate", "log", syscall.EIO))
	for !hasFailed(s) {
		_, err = s.Append(t.Context(), []dcb.Event{{Data: make([]byte, 1<<20)}}, nil, nil)
	}
	if err == nil { // space was made ahead, and that failed
		_, err = s.Append(t.Context(), appends("lost", 1), nil, nil)
	}
	if !errors.Is(err, dcb.ErrIO) || !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "the log cannot be written any more") {
		t.Errorf("the append: %v", err)
	}
	stored := count(t, s)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	mustBeSound(t, "afterwards", disk)
	again, err := store.Open(crashDir, &store.Options{FS: disk})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if n := count(t, again); n != stored {
		t.Errorf("%d events can be read instead of %d", n, stored)
	}
}

func TestAFailedIndexIsNoLackOfSpace(t *testing.T) {
	s, f, _ := faulty(t)
	f.set(failing("sync", "index", syscall.EIO))
	if _, err := appendUntil(t, s); !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "the index cannot be written") {
		t.Errorf("the append: %v", err)
	}
	if hasFailed(s) {
		t.Error("the store has failed")
	}
}

// What needs a descriptor may fail at any time, and is tried again.
func TestAStoreWithoutDescriptorsFailsNothingForGood(t *testing.T) {
	s, f, disk := faulty(t)
	mustAppend(t, s, "before", 1)
	f.set(func(op vfs.Op) error {
		switch op.Kind {
		case "create", "open", "openwrite", "opendir", "list":
			return syscall.EMFILE
		}
		return nil
	})
	stored, err := appendUntil(t, s)
	if !errors.Is(err, syscall.EMFILE) || hasFailed(s) {
		t.Errorf("the append: %v, and the store has failed: %v", err, hasFailed(s))
	}
	if n := count(t, s); n != 1+stored {
		t.Errorf("%d events can be read instead of %d", n, 1+stored)
	}
	f.set(nil)
	mustRecover(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustBeSound(t, "afterwards", disk)
}

// What may not be read is no corruption, whatever it is.
func TestWhatMayNotBeReadIsNoCorruption(t *testing.T) {
	for _, c := range []struct{ kind, name string }{
		{"opendir", "/store"}, {"list", "/store"}, {"opendir", "/store/log"}, {"list", "/store/log"},
		{"openwrite", "/store/log/"}, {"open", "/store/log/"}, {"opendir", "/store/index"}, {"open", "/store/index/"},
	} {
		disk := filled(t)
		denied := ""
		options := tiny(vfs.Observe(disk, func(op vfs.Op) error {
			if denied == "" && op.Kind == c.kind && (op.Name == c.name || strings.HasSuffix(c.name, "/") && strings.HasPrefix(op.Name, c.name)) {
				denied = op.Name
			}
			if op.Kind == c.kind && op.Name == denied {
				return syscall.EACCES
			}
			return nil
		}))
		s, err := store.Open(crashDir, options)
		if err == nil {
			s.Close()
		}
		if !errors.Is(err, dcb.ErrIO) || errors.Is(err, dcb.ErrCorruption) || !errors.Is(err, syscall.EACCES) || !vfs.Denied(err) {
			t.Errorf("%s of %s: opening: %v", c.kind, denied, err)
		}
		denied = ""
		if c.kind == "openwrite" {
			continue // a check does not
		}
		if report, err := store.Check(t.Context(), crashDir, &store.CheckOptions{Options: *options}); !errors.Is(err, syscall.EACCES) {
			t.Errorf("%s of %s: checking: %+v, %v", c.kind, denied, report, err)
		}
	}
}
