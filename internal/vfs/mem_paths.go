package vfs

import (
	"io"
	"path/filepath"
)

// The methods below take the paths of files. Tests use them to inspect and change a
// file system while a store uses it.

// withDir opens the directory of a file for one operation.
func withDir[T any](m *Mem, path string, do func(d Dir, name string) (T, error)) (T, error) {
	d, err := m.OpenDir(filepath.Dir(path))
	if err != nil {
		var none T
		return none, err
	}
	return do(d, filepath.Base(path))
}

// Create creates an empty file, or truncates an existing one.
func (m *Mem) Create(path string) (File, error) { return withDir(m, path, Dir.Create) }

// Open opens a file for reading.
func (m *Mem) Open(path string) (File, error) { return withDir(m, path, Dir.Open) }

// OpenWrite opens an existing file for reading and writing.
func (m *Mem) OpenWrite(path string) (File, error) { return withDir(m, path, Dir.OpenWrite) }

// Lock takes an exclusive lock on a file.
func (m *Mem) Lock(path string) (io.Closer, error) { return withDir(m, path, Dir.Lock) }

// Remove deletes a file.
func (m *Mem) Remove(path string) error {
	_, err := withDir(m, path, func(d Dir, name string) (struct{}, error) { return struct{}{}, d.Remove(name) })
	return err
}

// Rename renames a file within its directory.
func (m *Mem) Rename(from, to string) error {
	_, err := withDir(m, from, func(d Dir, name string) (struct{}, error) { return struct{}{}, d.Rename(name, filepath.Base(to)) })
	return err
}

// List returns the names of the entries of a directory in order.
func (m *Mem) List(path string) ([]string, error) {
	d, err := m.OpenDir(path)
	if err != nil {
		return nil, err
	}
	return d.List()
}

// SyncDir makes the entries of a directory durable.
func (m *Mem) SyncDir(path string) error {
	d, err := m.OpenDir(path)
	if err != nil {
		return err
	}
	return d.Sync()
}
