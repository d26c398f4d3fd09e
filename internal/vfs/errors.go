package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"
)

// CorruptionError is returned when the content of a file cannot be what was written
// to it.
type CorruptionError struct {
	File   string
	Offset int64 // where in the file the corruption was detected
	What   string
}

func (e *CorruptionError) Error() string {
	return fmt.Sprintf("%s at byte %d: %s", e.File, e.Offset, e.What)
}

// notRegular returns the error for a name that is not that of a regular file.
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
	return &CorruptionError{File: name, What: "it is " + kind + " and not a file"}
}

// ErrMoved is returned by CheckPath and CheckFile when the path of an open directory or
// file no longer leads to it, because it was removed, renamed, replaced or unmounted.
var ErrMoved = errors.New("the path no longer leads to the open file or directory")

// ErrLocked is matched by the error for a lock that is already held, by another
// process or by this one.
var ErrLocked = errors.New("already locked")

// LockedError is returned when a lock is already held. It describes the holder as
// far as it is known.
type LockedError struct {
	Path string
	PID  int    // 0 if unknown
	Host string // where the process runs; empty if it is this machine or unknown
	Self bool   // this process holds the lock
}

func (e *LockedError) Error() string { return "locked by " + e.Holder() }

// Holder returns a description of the process that holds the lock.
func (e *LockedError) Holder() string {
	switch {
	case e.Self:
		return "this process"
	case e.PID == 0:
		return "another process"
	case e.Host != "":
		return fmt.Sprintf("another process (pid %d on host %s)", e.PID, e.Host)
	}
	return fmt.Sprintf("another process (pid %d)", e.PID)
}

// Is reports whether target is ErrLocked.
func (e *LockedError) Is(target error) bool { return target == ErrLocked }

// Denied reports whether an error means that this user may not read or write a file
// or directory, or that the file system is read-only.
func Denied(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

// IsFull reports whether an error means that the disk is full or that a quota is used
// up.
func IsFull(err error) bool { return isOneOf(err, fullErrors) }

// IsTooManyFiles reports whether an error means that too many files are open, in
// this process or in the system.
func IsTooManyFiles(err error) bool { return isOneOf(err, tooManyFilesErrors) }

func isOneOf(err error, errs []error) bool {
	return slices.ContainsFunc(errs, func(one error) bool { return errors.Is(err, one) })
}
