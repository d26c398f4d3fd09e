package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/gofrs/flock"
)

// ErrLocked is returned by Lock when another process, or another store in this
// one, holds the lock.
var ErrLocked = errors.New("the lock is taken")

// Lock takes an exclusive lock on a file. Who may only read the file can lock it
// as well, and so read a store while nobody writes it.
func (OS) Lock(name string) (io.Closer, error) {
	lock, err := lockFile(name, os.O_CREATE|os.O_RDWR)
	if Denied(err) {
		readable, readErr := lockFile(name, os.O_RDONLY)
		if !errors.Is(readErr, fs.ErrNotExist) {
			return readable, readErr
		}
	}
	return lock, err
}

// lockFile opens a file in a way, and locks it.
func lockFile(name string, flag int) (io.Closer, error) {
	lock := flock.New(name, flock.SetFlag(flag), flock.SetPermissions(0o644))
	held, err := lock.TryLock()
	if err != nil {
		return nil, err
	}
	if !held {
		return nil, fmt.Errorf("%s: %w", name, ErrLocked)
	}
	return lock, nil
}

// Denied tells whether an error says that a file or directory may not be written,
// or not be read, by this user or by anybody.
func Denied(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}
