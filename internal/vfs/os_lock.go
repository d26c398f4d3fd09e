package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// OnLock is called with each descriptor before it is locked, and again before it is
// unlocked or closed, or when locking fails. It may be nil. A forked child that executes
// no other program inherits the locks of its parent with the descriptors, so a program
// that forks must close them in the child. OnLock must be set before the first lock.
var OnLock func(descriptor uintptr, locked bool)

func callOnLock(f *os.File, locked bool) {
	if OnLock != nil {
		OnLock(f.Fd(), locked)
	}
}

// Lock takes an exclusive lock on a file and writes the holder's process ID and host
// into it. A process that may only read the file can take the lock too, so it can
// read a store that no process has open.
func (d *osDir) Lock(name string) (io.Closer, error) {
	f, err := d.root.OpenFile(name, os.O_CREATE|os.O_RDWR, fileMode)
	if Denied(err) {
		readable, readErr := d.root.Open(name)
		if !errors.Is(readErr, fs.ErrNotExist) {
			f, err = readable, readErr
		}
	}
	if err != nil {
		return nil, withPath(err, d.pathOf(name))
	}
	callOnLock(f, true)
	held, err := tryLock(f)
	if held {
		writeHolder(f)
		return &fileLock{f}, nil
	}
	if err == nil {
		err = lockedBy(f, d.pathOf(name))
	}
	callOnLock(f, false)
	return nil, errors.Join(withPath(err, d.pathOf(name)), f.Close())
}

// LockDir takes an exclusive lock on the directory itself.
func (d *osDir) LockDir() (io.Closer, error) {
	callOnLock(d.self, true)
	held, err := tryLock(d.self)
	if held {
		return &dirLock{d.self}, nil
	}
	callOnLock(d.self, false)
	if errors.Is(err, errors.ErrUnsupported) {
		return notLocked{}, nil
	}
	if err == nil {
		err = &LockedError{Path: d.path}
	}
	return nil, withPath(err, d.path)
}

// fileLock is a lock on a file. Closing it also closes the file.
type fileLock struct{ file *os.File }

// Close unlocks explicitly, because closing the file does not release a lock that a
// child inherited.
func (l *fileLock) Close() error {
	_ = l.file.Truncate(0) // fails if the file is open only for reading
	callOnLock(l.file, false)
	return errors.Join(unlock(l.file), l.file.Close())
}

// dirLock is a lock on a directory. Closing it leaves the directory open.
type dirLock struct{ dir *os.File }

func (l *dirLock) Close() error {
	callOnLock(l.dir, false)
	return unlock(l.dir)
}

// notLocked is returned in place of a lock where directories cannot be locked.
type notLocked struct{}

func (notLocked) Close() error { return nil }

// writeHolder writes the process ID and host into a file that this process has
// locked. They are used only in messages, so errors are ignored.
func writeHolder(f *os.File) {
	host, _ := os.Hostname()
	if f.Truncate(0) == nil {
		_, _ = fmt.Fprintf(io.NewOffsetWriter(f, 0), "%d %s\n", os.Getpid(), host)
	}
}

// lockedBy returns the error for a locked file, with what its holder wrote into it.
func lockedBy(f *os.File, path string) error {
	e := &LockedError{Path: path}
	var pid int
	var holder string
	if n, _ := fmt.Fscanln(io.NewSectionReader(f, 0, 512), &pid, &holder); n < 2 || pid <= 0 {
		return e
	}
	e.PID = pid
	if host, _ := os.Hostname(); host != holder {
		e.Host = holder
	} else {
		e.Self = pid == os.Getpid()
	}
	return e
}
