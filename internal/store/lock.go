package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/vfs"
)

// takeLock locks the directory against other processes. One that is only to be
// read may do without where no lock can be made and there is none: nobody can have
// opened it there.
func (s *Store) takeLock() error {
	lock, err := s.options.FS.Lock(filepath.Join(s.dir, lockName))
	if s.options.ReadOnly && vfs.Denied(err) && !s.hasLock() {
		lock, err = unlocked{}, nil
	}
	if errors.Is(err, vfs.ErrLocked) {
		return &dcb.Error{Kind: dcb.ErrIO, Detail: fmt.Sprintf("the store %s is open already, here or in another process; close it, stop the process that has it, or connect to it if it is a server", s.dir), Cause: err}
	}
	s.lock = lock
	return storeError(err, "locking the store")
}

// hasLock tells whether the file is there that is locked.
func (s *Store) hasLock() bool {
	names, err := s.options.FS.List(s.dir)
	return err != nil || slices.Contains(names, lockName)
}

// unlocked stands for a lock that is not needed.
type unlocked struct{}

// Close does nothing.
func (unlocked) Close() error { return nil }
