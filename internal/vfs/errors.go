package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"
)

// ErrMoved is returned by CheckPath and CheckFile when the path of an open directory or
// file no longer leads to it: it was removed, renamed, replaced or unmounted.
var ErrMoved = errors.New("the path no longer leads to what is open")

// ErrLocked is matched by the error of a lock that another process, or another
// user of it in this process, holds.
var ErrLocked = errors.New("the lock is taken")

// LockedError is returned when a lock is held already. It describes the holder as
// far as that is known.
type LockedError struct {
	Path string
	PID  int    // 0 if it is not known
	Host string // where the process runs; empty if it is this machine or not known
	Self bool   // this process holds it
}

func (e *LockedError) Error() string { return "the lock on " + e.Path + " is taken" }

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

// Is makes the error an ErrLocked.
func (e *LockedError) Is(target error) bool { return target == ErrLocked }

// Denied reports whether an error means that this user may not read or write a file
// or directory, or that nobody may write it.
func Denied(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

// IsFull reports whether an error means that there is no space, on the disk or in
// the quota of this user.
func IsFull(err error) bool { return isOneOf(err, fullErrors) }

// IsTooManyFiles reports whether an error means that too many files are open, in
// this process or in the system.
func IsTooManyFiles(err error) bool { return isOneOf(err, tooManyFilesErrors) }

func isOneOf(err error, errs []error) bool {
	return slices.ContainsFunc(errs, func(one error) bool { return errors.Is(err, one) })
}
