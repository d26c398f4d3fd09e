// Package vfs is the file system as the storage engine needs it: the
// operating system's, one in memory that can lose power, and one that injects
// faults. A directory is looked up by its path once and held open from then on,
// so that neither a change of the working directory nor a rename leads its user
// to other files. There is no memory map and no buffered file: reads are by
// offset, and durable means Sync has returned.
package vfs

import "io"

// FS is a file system, in which directories are found by their paths.
type FS interface {
	// OpenDir opens the directory at a path.
	OpenDir(path string) (Dir, error)
	// MkdirAll makes a directory and those above it where they do not exist. The
	// entry of the directory is durable when it returns, even if it existed.
	MkdirAll(path string) error
}

// Dir is an open directory. All names are those of its own entries. The
// entries are durable once Sync has returned.
type Dir interface {
	io.Closer
	// Path returns the path that the directory was opened by, for messages.
	Path() string
	// Create makes an empty file, or empties the one there is, for reading and writing.
	Create(name string) (File, error)
	// Open opens a file for reading. If the name is not that of a regular file, it
	// returns a *CorruptionError, and never waits.
	Open(name string) (File, error)
	// OpenWrite opens an existing file for reading and writing, and fails as Open does.
	OpenWrite(name string) (File, error)
	// Rename renames a file, replacing the one that has the new name, if any.
	Rename(from, to string) error
	// Remove deletes a file.
	Remove(name string) error
	// List returns the names of the entries in order.
	List() ([]string, error)
	// Sync makes the entries durable. It needs no file descriptor.
	Sync() error
	// Mkdir makes a directory, durably, unless it exists.
	Mkdir(name string) error
	// OpenDir opens a directory, which may be a symbolic link to one elsewhere.
	OpenDir(name string) (Dir, error)
	// CheckPath returns an error that is ErrMoved if the path that the directory was
	// opened by no longer leads to it, and another error if it cannot tell.
	CheckPath() error
	// CheckFile returns an error that is ErrMoved if a name no longer leads to a file
	// that was opened in the directory, and another error if it cannot tell.
	CheckFile(name string, f File) error
	// Lock takes an exclusive lock on a file, made if need be, until it is
	// closed or the process ends. If the file is locked already, it returns a
	// *LockedError.
	Lock(name string) (io.Closer, error)
	// LockDir takes an exclusive lock on the directory itself, as Lock does on a
	// file. Where directories cannot be locked, it takes none.
	LockDir() (io.Closer, error)
}

// File is an open file.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Size gives the length in bytes.
	Size() (int64, error)
	// Truncate cuts the file, or extends it with zeros that take no space.
	Truncate(size int64) error
	// Allocate makes the range exist, reading as zeros where it was not written,
	// so that writing it later needs no more space.
	Allocate(offset, size int64) error
	// Sync makes the content and the length durable.
	Sync() error
}
