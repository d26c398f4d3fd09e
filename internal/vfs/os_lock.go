package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// OnLock, if it is not nil, is told of each descriptor that is about to be
// locked, and again when it is not any more, before it is closed. A child that
// was forked and executes no other program inherits the locks of its parent with
// the descriptors: a program that forks closes them in the child. OnLock must be
// set before the first lock is taken.
var OnLock func(descriptor uintptr, locked bool)

func tell(f *os.File, locked bool) {
	if OnLock != nil {
		OnLock(f.Fd(), locked)
	}
}

// Lock takes an exclusive lock on a file, in which it notes the process. A user
// who may only read the file can lock it as well, and so read a store while
// nobody writes it.
func (d *osDir) Lock(name string) (io.Closer, error) {
	f, err := d.root.OpenFile(name, os.O_CREATE|os.O_RDWR, fileMode)
	if Denied(err) {
		readable, readErr := d.root.Open(name)
		if !errors.Is(readErr, fs.ErrNotExist) {
			f, err = readable, readErr
		}
	}
	if err != nil {
		return nil, renamed(err, d.named(name))
	}
	tell(f, true)
	held, err := tryLock(f)
	if held {
		note(f)
		return &fileLock{f}, nil
	}
	if err == nil {
		err = lockedBy(f, d.named(name))
	}
	tell(f, false)
	return nil, errors.Join(renamed(err, d.named(name)), f.Close())
}

// LockDir takes an exclusive lock on the directory itself.
func (d *osDir) LockDir() (io.Closer, error) {
	tell(d.self, true)
	held, err := tryLock(d.self)
	if held {
		return &dirLock{d.self}, nil
	}
	tell(d.self, false)
	if errors.Is(err, errors.ErrUnsupported) {
		return notLocked{}, nil
	}
	if err == nil {
		err = &LockedError{Path: d.path}
	}
	return nil, renamed(err, d.path)
}

// fileLock is a lock on a file, which it owns.
type fileLock struct{ file *os.File }

// Close unlocks explicitly: where the file was inherited, closing would not.
func (l *fileLock) Close() error {
	_ = l.file.Truncate(0) // it is open for reading perhaps
	tell(l.file, false)
	return errors.Join(unlock(l.file), l.file.Close())
}

// dirLock is a lock on a directory that stays open.
type dirLock struct{ dir *os.File }

func (l *dirLock) Close() error {
	tell(l.dir, false)
	return unlock(l.dir)
}

// notLocked stands for a lock that there is none of.
type notLocked struct{}

func (notLocked) Close() error { return nil }

// note writes into a locked file which process has it. It serves people alone, so
// it does not matter if it fails.
func note(f *os.File) {
	host, _ := os.Hostname()
	if f.Truncate(0) == nil {
		_, _ = fmt.Fprintf(io.NewOffsetWriter(f, 0), "%d %s\n", os.Getpid(), host)
	}
}

// lockedBy reads what the holder of a lock noted.
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
