package store

import (
	"errors"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/vfs"
)

// watchInterval is how often the watcher checks the path of the store.
const watchInterval = time.Second

// runWatcher fails the store when its path no longer leads to its directory, or to the
// file that is appended to: the next Open would not find the events appended from then.
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
		_ = s.failIfMoved() // fail logs the error
	}
}

// failIfMoved fails the store and returns the error if the path of the store, of its
// log, or of the last file of the log no longer leads to the open file or directory. It
// does nothing if a path cannot be checked or the store is read-only.
func (s *Store) failIfMoved() error {
	if s.options.ReadOnly {
		return nil
	}
	for _, check := range []struct {
		path func() error
		what string
	}{
		{s.files.root.CheckPath, "the directory of the store has been removed, renamed or unmounted"},
		{s.files.log.CheckPath, "the directory of the log has been removed, renamed or unmounted"},
		{s.log.CheckFile, "the last file of the log has been removed, renamed or replaced"},
	} {
		cause := check.path()
		if !errors.Is(cause, vfs.ErrMoved) {
			continue
		}
		err := &dcb.Error{Kind: dcb.ErrIO, Detail: check.what + "; move it back, then open the store again", Cause: cause}
		s.fail(err)
		return err
	}
	return nil
}
