//go:build unix

package cli

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// keepOwner sets the owner and the group of a file to those of another one, unless they are
// the same.
func keepOwner(file *os.File, other fs.FileInfo) error {
	own, err := file.Stat()
	if err != nil {
		return err
	}
	have, ok := own.Sys().(*syscall.Stat_t)
	want, found := other.Sys().(*syscall.Stat_t)
	if !ok || !found || have.Uid == want.Uid && have.Gid == want.Gid {
		return nil
	}
	return file.Chown(int(want.Uid), int(want.Gid))
}

// lockFile locks a file until unlock is called, so that an edit does not bring back a key that
// another one has revoked meanwhile. It does nothing if the file cannot be locked. If the file
// does not exist, the error matches fs.ErrNotExist.
func lockFile(name string) (unlock func(), err error) {
	for {
		file, err := os.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			return func() {}, err
		}
		if err != nil {
			return func() {}, nil // reading it fails too, with the better error
		}
		for err = syscall.EINTR; errors.Is(err, syscall.EINTR); {
			err = unix.Flock(int(file.Fd()), unix.LOCK_EX)
		}
		unlock = func() { file.Close() }
		if err != nil {
			return unlock, nil // a file system without locks
		}
		own, err := file.Stat()
		current, currentErr := os.Stat(name)
		if err == nil && currentErr == nil && os.SameFile(own, current) {
			return unlock, nil
		}
		unlock() // the file was replaced while this waited
		if err := errors.Join(err, currentErr); err != nil {
			return func() {}, err
		}
	}
}

// syncDirectory makes the names of files in a directory durable.
func syncDirectory(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
