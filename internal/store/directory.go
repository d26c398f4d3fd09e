package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/storedir"
	"github.com/umadb-go/umadb/internal/vfs"
)

// directory contains the open directories of a store and the locks on them. They stay
// open and locked until the store is closed.
type directory struct {
	root  vfs.Dir
	log   vfs.Dir
	index vfs.Dir // nil in a read-only store without an index
	locks storedir.Locks
}

// openDirectory opens and locks the directories of the store, and creates the missing
// ones. With mustExist, it fails if there is no store.
func (s *Store) openDirectory(mustExist bool) error {
	names, err := s.openRoot(mustExist)
	if err != nil {
		return err
	}
	d := &s.files
	// The lock of a store that follows another process would prevent that from opening it again.
	if s.mode != reading {
		if err := d.locks.LockFile(d.root, s.mode.readsOnly()); err != nil {
			return storeError(err, "locking the store")
		}
	}
	if err := s.refuseStandby(); err != nil { // it may have been marked before it was locked
		return err
	}
	if err := s.checkSharedMark(); err != nil {
		return err
	}
	if !slices.Contains(names, logName) {
		if err := d.root.Mkdir(logName); err != nil {
			return storeError(err, "creating the directory of the log")
		}
	}
	if d.log, err = d.root.OpenDir(logName); err != nil {
		return storeError(err, "opening the directory of the log")
	}
	if s.mode != reading {
		if err := d.locks.LockLog(d.root, d.log); err != nil {
			return storeError(err, "locking the store")
		}
	}
	names, err = d.log.List()
	if err == nil && len(names) == 0 {
		return s.checkLogIsNotLost()
	}
	return storeError(err, "reading the directory of the log")
}

// openRoot opens the directory of the store and returns the names of its entries. It
// creates the directory if there is none, unless mustExist is set.
func (s *Store) openRoot(mustExist bool) ([]string, error) {
	fsys, d := s.options.FS, &s.files
	var err error
	d.root, err = fsys.OpenDir(s.dir)
	created := errors.Is(err, fs.ErrNotExist) && !mustExist
	if created {
		if err := fsys.MkdirAll(s.dir); err != nil {
			return nil, storeError(err, "creating the directory of the store")
		}
		d.root, err = fsys.OpenDir(s.dir)
	}
	if err != nil {
		return nil, s.explainPath(err)
	}
	names, err := d.root.List()
	if err != nil {
		return nil, storeError(err, "reading the directory of the store")
	}
	if err := s.inspect(names, mustExist); err != nil {
		return nil, err
	}
	if slices.Contains(names, logName) {
		return names, nil
	}
	s.options.Logger.Info("there is no store yet; creating one", "dir", s.dir)
	if created {
		return names, nil
	}
	// The process that created the directory may have ended before its entry was durable.
	return names, storeError(fsys.MkdirAll(s.dir), "creating the directory of the store")
}

// checkLogIsNotLost fails if there is an index but no log: a new log must not replace
// one that is lost or not mounted. The log of a new store is created before its index.
func (s *Store) checkLogIsNotLost() error {
	dir, err := s.files.root.OpenDir(indexName)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	if err == nil {
		err = dir.Close()
	}
	if err != nil {
		return storeError(err, "opening the directory of the index")
	}
	return &dcb.Error{Kind: dcb.ErrCorruption, Detail: fmt.Sprintf("cannot open store %s: it has an index, but its log is gone; restore %s, or remove both to start with an empty store", s.dir, filepath.Join(s.dir, logName))}
}

// openLog opens the log and makes the entry of its directory durable.
func (s *Store) openLog(ctx context.Context) error {
	var err error
	if s.mode == following {
		if err = s.openReceiver(); err == nil {
			err = s.files.root.Sync()
		}
		return err
	}
	options := eventlog.Options{
		SegmentBytes: s.options.SegmentBytes, NewID: newStoreID, ReadOnly: s.mode.readsOnly(), Follow: s.mode == reading,
		Interrupted: ctx.Err, MayGrow: s.mayGrow,
	}
	if options.Known, err = s.announcedGroup(); err != nil {
		return err
	}
	if s.shared != nil {
		if err := s.prepareReplica(options); err != nil {
			return err
		}
		options.Replica, options.NewID, options.Known = true, s.shared.newID, s.shared.irreplaceable()
	}
	s.log, s.appender, s.logWriter, err = eventlog.Open(s.files.log, options)
	if err != nil || s.mode.readsOnly() {
		return err
	}
	if err := s.files.root.Sync(); err != nil {
		return errors.Join(err, s.log.Close(nil, nil))
	}
	return nil
}

// openIndex opens the directory of the index. Unless the store is read-only, it creates
// the directory if there is none.
func (d *directory) openIndex(readOnly bool) error {
	if !readOnly {
		if err := d.root.Mkdir(indexName); err != nil {
			return err
		}
	}
	dir, err := d.root.OpenDir(indexName)
	if readOnly && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		d.index = dir
	}
	return err
}

// close releases the locks and closes the open directories.
func (d *directory) close() error {
	errs := []error{d.locks.Release()}
	for _, dir := range []vfs.Dir{d.index, d.log, d.root} {
		if dir != nil {
			errs = append(errs, dir.Close())
		}
	}
	return errors.Join(errs...)
}
