//go:build !linux && !darwin

package vfs

import (
	"errors"
	"os"
	"runtime"
)

// openNonblock has no effect here: Windows has no named pipes in directories.
const openNonblock = 0

func syncFile(f *os.File) error { return f.Sync() }

func bootID() string { return "" }

// syncDir does nothing on Windows, which cannot sync directories. NTFS journals their
// entries.
func syncDir(d *os.File) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	return d.Sync()
}

func freeSpace(*os.File) (free, size int64, err error) { return 0, 0, errors.ErrUnsupported }

func allocate(*os.File, int64, int64) error { return errors.ErrUnsupported }

func dropCache(*os.File, int64, int64) {}
