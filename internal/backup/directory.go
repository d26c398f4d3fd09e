package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/storedir"
	"github.com/umadb-go/umadb/internal/vfs"
)

// directory is the directory of a store, locked like one that is open.
type directory struct {
	path  string
	root  vfs.Dir
	log   vfs.Dir // nil until openLog
	locks storedir.Locks
}

// openDirectory opens the directory of a store. Unless mustExist is set, it creates the
// directory if there is none.
func openDirectory(fsys vfs.FS, path string, mustExist bool) (*directory, error) {
	root, err := fsys.OpenDir(path)
	if errors.Is(err, fs.ErrNotExist) && !mustExist {
		if err := fsys.MkdirAll(path); err != nil {
			return nil, asError(err, "creating the directory "+path)
		}
		root, err = fsys.OpenDir(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "there is no store in " + path, Cause: fs.ErrNotExist}
	}
	if err != nil {
		return nil, asError(err, "opening the directory "+path)
	}
	return &directory{path: path, root: root}, nil
}

// mustBeNew returns an error if the directory has entries other than the given one, a lock
// file, and what file systems create.
func (d *directory) mustBeNew(allowed string) error {
	names, err := d.root.List()
	if err != nil {
		return asError(err, "reading the directory "+d.path)
	}
	for _, name := range names {
		if name != allowed && storedir.IsForeign(name) {
			return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("%s contains %s; choose a new or an empty directory", d.path, name)}
		}
	}
	return nil
}

// has reports whether the directory has an entry.
func (d *directory) has(name string) (bool, error) {
	names, err := d.root.List()
	return slices.Contains(names, name), asError(err, "reading the directory "+d.path)
}

// lock locks the file LOCK.
func (d *directory) lock(readOnly bool) error {
	return asError(d.locks.LockFile(d.root, readOnly), "locking the store")
}

// openLog opens and locks a directory of segments. With create, it creates the directory
// if there is none.
func (d *directory) openLog(name string, create bool) (err error) {
	if create {
		if err := d.root.Mkdir(name); err != nil {
			return asError(err, "creating the directory of the log")
		}
	}
	if d.log, err = d.root.OpenDir(name); err != nil {
		return asError(err, "opening the directory of the log")
	}
	return asError(d.locks.LockLog(d.root, d.log), "locking the store")
}

// closeLog closes the directory of the log and releases its lock.
func (d *directory) closeLog() error {
	err := errors.Join(d.locks.ReleaseLog(), d.log.Close())
	d.log = nil
	return err
}

func (d *directory) close() error {
	errs := []error{d.locks.Release()}
	if d.log != nil {
		errs = append(errs, d.log.Close())
	}
	return errors.Join(append(errs, d.root.Close())...)
}
