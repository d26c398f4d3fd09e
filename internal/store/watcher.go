package store

import (
	"errors"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/vfs"
)

// watchInterval is how often the watcher checks the path of the store.
const watchInterval = time.Second

// runWatcher fails the store when its path no longer leads to its directory: the
// next opening would not find what is appended then.
func (s *Store) runWatcher() {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-s.failed:
			return
		case <-s.background.ctx.Done():
			return
		}
		_ = s.failIfMoved() // which logs it
	}
}

// failIfMoved fails the store and returns the error if the path of the store, or of
// its log, does not lead to the directory that is open. If a path cannot be checked,
// or the store is only read, it does nothing.
func (s *Store) failIfMoved() error {
	if s.options.ReadOnly {
		return nil
	}
	err := s.files.root.CheckPath()
	if !errors.Is(err, vfs.ErrMoved) {
		err = s.files.log.CheckPath()
	}
	if !errors.Is(err, vfs.ErrMoved) {
		return nil
	}
	err = &dcb.Error{
		Kind:   dcb.ErrIO,
		Detail: "the directory of the store has been removed, renamed or unmounted; put it back, and open the store again",
		Cause:  err,
	}
	s.fail(err)
	return err
}
