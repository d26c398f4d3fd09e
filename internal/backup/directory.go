package backup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/vfs"
)

// The names in the directory of a store.
const (
	lockName = "LOCK"
	logName  = "log"
	headName = "HEAD"
)

// directory is the directory of a store, locked like one that is open.
type directory struct {
	path  string
	root  vfs.Dir
	log   vfs.Dir // nil until openLog
	locks []io.Closer
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
		if name != allowed && name != lockName && name != "lost+found" && !strings.HasPrefix(name, ".") {
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

// lock takes the lock of the store. A directory that is only read needs none if there is no
// lock file and none can be created: then no process can have the store open.
func (d *directory) lock(readOnly bool) error {
	lock, err := d.root.Lock(lockName)
	if readOnly && vfs.Denied(err) {
		if there, listErr := d.has(lockName); listErr == nil && !there {
			return nil
		}
	}
	if err != nil {
		return d.lockError(err)
	}
	d.locks = append(d.locks, lock)
	return nil
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
	lock, err := d.log.LockDir()
	if err != nil {
		return d.lockError(err)
	}
	d.locks = append(d.locks, lock)
	return nil
}

func (d *directory) lockError(err error) error {
	if !errors.Is(err, vfs.ErrLocked) {
		return asError(err, "locking the store")
	}
	return fmt.Errorf("%w; stop the process", &dcb.Error{Kind: dcb.ErrIO, Detail: "cannot open store " + d.path, Cause: err})
}

// closeLog closes the directory of the log and releases its lock, which is the last one.
func (d *directory) closeLog() error {
	lock := d.locks[len(d.locks)-1]
	d.locks = d.locks[:len(d.locks)-1]
	err := errors.Join(lock.Close(), d.log.Close())
	d.log = nil
	return err
}

func (d *directory) close() error {
	var errs []error
	for _, lock := range slices.Backward(d.locks) {
		errs = append(errs, lock.Close())
	}
	if d.log != nil {
		errs = append(errs, d.log.Close())
	}
	return errors.Join(append(errs, d.root.Close())...)
}
