//go:build unix

package cli

import (
	"io/fs"
	"os"
	"syscall"
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
