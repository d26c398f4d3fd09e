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

// appendUntil appends until an append fails. It returns the error and the number of
// events stored.
func appendUntil(t *testing.T, s *store.Store) (stored int, err error) {
	t.Helper()
	for stored < 1000 {
		if _, err := s.Append(t.Context(), newEvents("some", 2), nil, nil); err != nil {
			return stored, err
		}
		stored += 2
	}
	t.Fatal("no append failed")
	return 0, nil
}

// None of these errors affects the log.
func TestRefusedAppendNamesCause(t *testing.T) {
	for _, c := range []struct {
		kind string
		err  error
		text string
	}{
		{"allocate", syscall.ENOSPC, "the disk is full"},
		{"allocate", syscall.EDQUOT, "the disk is full"},
		{"create", syscall.ENOSPC, "the disk is full"},
		{"create", syscall.EMFILE, "the limit of open files is reached"},
		{"create", syscall.ENFILE, "the limit of open files is reached"},
		{"create", syscall.EIO, "cannot allocate space in the log"},
		{"create", syscall.EACCES, "cannot allocate space in the log"},
	} {
		t.Run(fmt.Sprint(c.kind, " ", c.err), func(t *testing.T) {
			s, f, disk := newFaultyStore(t)
			mustAppend(t, s, "before", 1)
			f.set(failOn(c.kind, "log", c.err))
			stored, err := appendUntil(t, s)
			if !errors.Is(err, dcb.ErrIO) || !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("append: %v", err)
			}
			if !vfs.IsFull(c.err) && strings.Contains(err.Error(), "full") {
				t.Errorf("the error reports a full disk: %v", err)
			}
			if hasFailed(s) {
				t.Error("the store has failed")
			}
			f.set(nil)
			mustAppend(t, s, "after", 1)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			mustBeValid(t, "afterwards", disk)
			again, err := store.Open(crashDir, smallOptions(disk))
			if err != nil {
				t.Fatal(err)
			}
			defer again.Close()
			if n := countEvents(t, again); n != stored+2 {
				t.Errorf("%d events can be read instead of %d", n, stored+2)
			}
		})
	}
}

// A segment that cannot be extended because of an I/O error is no longer written.
func TestFailedAllocationFailsStore(t *testing.T) {
	disk, f := vfs.NewMem(), new(faults)
	s, err := store.Open(crashDir, &store.Options{FS: vfs.Observe(disk, f.before)})
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, "before", 3)
	f.set(failOn("allocate", "log", syscall.EIO))
	for !hasFailed(s) {
		_, err = s.Append(t.Context(), []dcb.Event{{Data: make([]byte, 1<<20)}}, nil, nil)
	}
	if err == nil { // the preallocation failed, and not an append
		_, err = s.Append(t.Context(), newEvents("lost", 1), nil, nil)
	}
	if !errors.Is(err, dcb.ErrIO) || !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "the log cannot be written") {
		t.Errorf("append: %v", err)
	}
	stored := countEvents(t, s)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	mustBeValid(t, "afterwards", disk)
	again, err := store.Open(crashDir, &store.Options{FS: disk})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if n := countEvents(t, again); n != stored {
		t.Errorf("%d events can be read instead of %d", n, stored)
	}
}

func TestFailedIndexWriteIsNoLackOfSpace(t *testing.T) {
	s, f, _ := newFaultyStore(t)
	f.set(failOn("sync", "index", syscall.EIO))
	if _, err := appendUntil(t, s); !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "the index cannot be written") {
		t.Errorf("append: %v", err)
	}
	if hasFailed(s) {
		t.Error("the store has failed")
	}
}

// An operation that needs a descriptor may fail at any time, and is retried.
func TestLackOfDescriptorsIsTemporary(t *testing.T) {
	s, f, disk := newFaultyStore(t)
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
		t.Errorf("append: %v; store has failed: %v", err, hasFailed(s))
	}
	if n := countEvents(t, s); n != 1+stored {
		t.Errorf("%d events can be read instead of %d", n, 1+stored)
	}
	f.set(nil)
	mustRecover(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustBeValid(t, "afterwards", disk)
}

func TestPermissionErrorIsNotCorruption(t *testing.T) {
	for _, c := range []struct{ kind, name string }{
		{"opendir", "/store"}, {"list", "/store"}, {"opendir", "/store/log"}, {"list", "/store/log"},
		{"openwrite", "/store/log/"}, {"open", "/store/log/"}, {"opendir", "/store/index"}, {"open", "/store/index/"},
	} {
		disk := newFilledDisk(t)
		denied := ""
		options := smallOptions(vfs.Observe(disk, func(op vfs.Op) error {
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
			continue // Check opens no file for writing
		}
		if report, err := store.Check(t.Context(), crashDir, &store.CheckOptions{Options: *options}); !errors.Is(err, syscall.EACCES) {
			t.Errorf("%s of %s: checking: %+v, %v", c.kind, denied, report, err)
		}
	}
}
