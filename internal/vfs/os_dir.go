package vfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// osDir is an open directory of the operating system. It has two descriptors,
// because os.Root does not expose its own.
type osDir struct {
	root     *os.Root
	self     *os.File // the directory, for sync and lock
	path     string   // as given by the caller
	absolute string
}

// openDir opens the directory at an absolute path that was given as path.
func openDir(absolute, path string) (Dir, error) {
	info, err := os.Stat(absolute)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "open", Err: syscall.ENOTDIR}
	}
	if err != nil {
		return nil, withPath(err, path)
	}
	root, err := os.OpenRoot(absolute)
	if err != nil {
		return nil, withPath(err, path)
	}
	self, err := root.Open(".")
	if err != nil {
		return nil, errors.Join(withPath(err, path), root.Close())
	}
	return &osDir{root: root, self: self, path: path, absolute: absolute}, nil
}

// withPath returns err with its path replaced by the path that the caller used.
func withPath(err error, path string) error {
	pathErr, ok := errors.AsType[*fs.PathError](err)
	if !ok {
		return err
	}
	return &fs.PathError{Op: pathErr.Op, Path: path, Err: pathErr.Err}
}

func (d *osDir) Path() string { return d.path }

func (d *osDir) pathOf(name string) string { return filepath.Join(d.path, name) }

func (d *osDir) Create(name string) (File, error) {
	return d.open(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
}

func (d *osDir) Open(name string) (File, error) { return d.open(name, os.O_RDONLY) }

func (d *osDir) OpenWrite(name string) (File, error) { return d.open(name, os.O_RDWR) }

// open opens a regular file. For anything else it returns a *CorruptionError, and it
// does not block, as opening a pipe without a writer would.
func (d *osDir) open(name string, flag int) (File, error) {
	f, err := d.root.OpenFile(name, flag|openNonblock, fileMode)
	if err != nil {
		info, statErr := d.root.Stat(name)
		if statErr == nil && !info.Mode().IsRegular() {
			return nil, notRegular(d.pathOf(name), info.Mode())
		}
		return nil, withPath(err, d.pathOf(name))
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = notRegular(d.pathOf(name), info.Mode())
	}
	if err != nil {
		return nil, errors.Join(withPath(err, d.pathOf(name)), f.Close())
	}
	return &osFile{f, d.pathOf(name)}, nil
}

func (d *osDir) Rename(from, to string) error {
	err := d.root.Rename(from, to)
	var linkErr *os.LinkError
	if errors.As(err, &linkErr) {
		return &os.LinkError{Op: linkErr.Op, Old: d.pathOf(from), New: d.pathOf(to), Err: linkErr.Err}
	}
	return err
}

func (d *osDir) Remove(name string) error { return withPath(d.root.Remove(name), d.pathOf(name)) }

// List reads the directory through a new descriptor, because reading moves the
// offset.
func (d *osDir) List() ([]string, error) {
	f, err := d.root.Open(".")
	if err != nil {
		return nil, withPath(err, d.path)
	}
	names, err := f.Readdirnames(-1)
	slices.Sort(names)
	return names, errors.Join(withPath(err, d.path), f.Close())
}

func (d *osDir) Sync() error { return explainSync(withPath(syncDir(d.self), d.path)) }

func (d *osDir) Mkdir(name string) error {
	err := d.root.Mkdir(name, dirMode)
	if errors.Is(err, fs.ErrExist) && isDirectory(filepath.Join(d.absolute, name)) {
		err = nil
	}
	if err != nil {
		return withPath(err, d.pathOf(name))
	}
	return d.Sync()
}

// OpenDir opens a directory by its path, because os.Root does not follow symbolic
// links that lead out of it, and the log or the index may be on another disk.
func (d *osDir) OpenDir(name string) (Dir, error) {
	return openDir(filepath.Join(d.absolute, name), d.pathOf(name))
}

func (d *osDir) CheckPath() error {
	there, err := os.Stat(d.absolute)
	return checkSame(d.self, there, err, d.path)
}

func (d *osDir) CheckFile(name string, f File) error {
	there, err := d.root.Stat(name)
	return checkSame(f.(*osFile).file, there, err, d.pathOf(name))
}

// checkSame compares an open file with the result of a Stat of its path.
func checkSame(open *os.File, there fs.FileInfo, err error, path string) error {
	held, heldErr := open.Stat()
	switch {
	case heldErr != nil:
		return withPath(heldErr, path)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return &fs.PathError{Op: "stat", Path: path, Err: ErrMoved}
	case err != nil:
		return withPath(err, path)
	case !os.SameFile(held, there):
		return &fs.PathError{Op: "stat", Path: path, Err: ErrMoved}
	}
	return nil
}

func (d *osDir) Free() (free, size int64, err error) {
	free, size, err = freeSpace(d.self)
	return free, size, withPath(err, d.path)
}

func (d *osDir) Close() error { return errors.Join(d.self.Close(), d.root.Close()) }
