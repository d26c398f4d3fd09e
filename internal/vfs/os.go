package vfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// OS is the operating system's file system.
type OS struct{}

type osFile struct{ *os.File }

// Create makes an empty file.
func (OS) Create(name string) (File, error) {
	return open(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
}

// Open opens a file for reading.
func (OS) Open(name string) (File, error) { return open(name, os.O_RDONLY) }

// OpenWrite opens an existing file for reading and writing.
func (OS) OpenWrite(name string) (File, error) { return open(name, os.O_RDWR) }

// open opens a regular file. It never waits, as opening a pipe without a writer
// would, and returns a *DamageError for anything else than a file.
func open(name string, flag int) (File, error) {
	f, err := os.OpenFile(name, flag|openNonblock, 0o644)
	if err != nil {
		info, statErr := os.Stat(name)
		if statErr == nil && !info.Mode().IsRegular() {
			return nil, notRegular(name, info.Mode())
		}
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = notRegular(name, info.Mode())
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return osFile{f}, nil
}

// notRegular is the error for a name that something else than a file has.
func notRegular(name string, mode fs.FileMode) error {
	kind := "a device"
	switch mode.Type() {
	case fs.ModeDir:
		kind = "a directory"
	case fs.ModeNamedPipe:
		kind = "a named pipe"
	case fs.ModeSocket:
		kind = "a socket"
	}
	return &DamageError{File: name, What: "it is " + kind + " and not a file"}
}

// Rename gives a file another name.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Remove deletes a file.
func (OS) Remove(name string) error { return os.Remove(name) }

// MkdirAll makes a directory, and makes its own entry durable.
func (o OS) MkdirAll(dir string) error {
	if isDirectory(dir) {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := o.MkdirAll(parent); err != nil {
			return err
		}
	}
	// Another process may make it at the same time.
	if err := os.Mkdir(dir, 0o755); err != nil && !isDirectory(dir) {
		return err
	}
	return o.SyncDir(parent)
}

func isDirectory(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// List gives the names of a directory's entries.
func (OS) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return names, nil
}

// SyncDir makes the entries of a directory durable.
func (OS) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(syncDir(d), d.Close())
}

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f osFile) Sync() error { return syncFile(f.File) }

func (f osFile) Allocate(offset, size int64) error {
	if err := allocate(f.File, offset, size); !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return writeZeros(f, offset, size)
}

// writeZeros is Allocate where the file system has no call for it. What exists
// already stays as it is.
func writeZeros(f File, offset, size int64) error {
	have, err := f.Size()
	if err != nil {
		return err
	}
	zeros := make([]byte, 1<<20)
	for at := max(offset, have); at < offset+size; {
		n, err := f.WriteAt(zeros[:min(int64(len(zeros)), offset+size-at)], at)
		if err != nil {
			return err
		}
		at += int64(n)
	}
	return nil
}
