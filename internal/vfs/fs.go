// Package vfs defines the file system interface of the storage engine, with three
// implementations: the operating system's file system, one in memory that simulates
// power failures, and one that injects faults. A directory is looked up by its path
// once and then stays open, so that neither a change of the working directory nor a
// rename can lead to other files. There are no memory maps and no buffered files:
// reads are by offset, and a write is durable once Sync has returned.
package vfs

import "io"

// FS is a file system. It opens directories by path.
type FS interface {
	// OpenDir opens the directory at a path.
	OpenDir(path string) (Dir, error)
	// MkdirAll creates a directory and its missing parents. The directory's entry is
	// durable when MkdirAll returns, even if the directory existed before.
	MkdirAll(path string) error
	// System identifies the running system that caches the files.
	System() System
}

// System identifies the start of a machine. Bytes that were written on another start of the
// same machine are no longer in its page cache: reading them reads the disk.
type System struct {
	Host string // the name of the machine
	Boot string // differs after each start; empty if unknown
}

// Dir is an open directory. All names are names of its own entries. Changes of its
// entries are durable once Sync has returned.
type Dir interface {
	io.Closer
	// Path returns the path that the directory was opened by, for messages.
	Path() string
	// Create creates an empty file, or truncates an existing one, for reading and
	// writing.
	Create(name string) (File, error)
	// Open opens a file for reading. If the name is not that of a regular file, Open
	// returns a *CorruptionError. It never blocks.
	Open(name string) (File, error)
	// OpenWrite opens an existing file for reading and writing, and fails as Open does.
	OpenWrite(name string) (File, error)
	// Rename renames a file and replaces the file with the new name, if any.
	Rename(from, to string) error
	// Remove deletes a file.
	Remove(name string) error
	// List returns the names of the entries in order.
	List() ([]string, error)
	// Sync makes the entries durable. It needs no file descriptor.
	Sync() error
	// Mkdir creates a directory, durably, unless it exists.
	Mkdir(name string) error
	// OpenDir opens a directory, which may be a symbolic link to one elsewhere.
	OpenDir(name string) (Dir, error)
	// CheckPath returns an error that matches ErrMoved if the path that the directory
	// was opened by no longer leads to it, and another error if that cannot be checked.
	CheckPath() error
	// CheckFile returns an error that matches ErrMoved if a name no longer leads to a
	// file that was opened in the directory, and another error if that cannot be
	// checked.
	CheckFile(name string, f File) error
	// Free returns the bytes that are free in the file system of the directory, for this
	// user, and its size. It fails with errors.ErrUnsupported where that is unknown.
	Free() (free, size int64, err error)
	// Lock takes an exclusive lock on a file, and creates the file if necessary. The
	// lock is held until it is closed or the process ends. If the file is already
	// locked, Lock returns a *LockedError.
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
	// Size returns the length in bytes.
	Size() (int64, error)
	// Truncate shortens the file, or extends it with zeros that take no space.
	Truncate(size int64) error
	// Allocate allocates disk space for a range, so that writing it later needs no
	// more space. The range reads as zeros where it was not written.
	Allocate(offset, size int64) error
	// Sync makes the content and the length durable.
	Sync() error
	// DropCache advises the system to drop a range from its cache, so that the next read
	// is one of the disk. It may have no effect.
	DropCache(offset, size int64)
}
