// Package vfs is the file system as the storage engine needs it: the
// operating system's, one in memory that can lose power, and one that injects
// faults. There is no memory map and no buffered file: reads are by offset, and
// durable means Sync has returned.
package vfs

import "io"

// FS is a file system. Names are paths; a directory's entries are durable once
// SyncDir has returned.
type FS interface {
	// Create makes an empty file, or empties the one there is, for reading and writing.
	Create(name string) (File, error)
	// Open opens a file for reading. Where something else than a file has the name,
	// it returns a *DamageError at once.
	Open(name string) (File, error)
	// OpenWrite opens an existing file for reading and writing, and fails as Open does.
	OpenWrite(name string) (File, error)
	// Rename gives a file another name in the same directory, replacing what has it.
	Rename(from, to string) error
	// Remove deletes a file.
	Remove(name string) error
	// MkdirAll makes a directory and those above it, and is content if it exists.
	MkdirAll(dir string) error
	// List gives the names, without the directory, of a directory's entries in order.
	List(dir string) ([]string, error)
	// SyncDir makes the entries of a directory durable.
	SyncDir(dir string) error
	// Lock takes an exclusive lock on a file, made if need be, until it is
	// closed or the process ends. It returns ErrLocked if another holds it.
	Lock(name string) (io.Closer, error)
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
