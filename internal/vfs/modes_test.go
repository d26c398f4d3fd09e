//go:build unix

package vfs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/umadb-go/umadb/internal/vfs"
)

func TestOnlyOwnerCanAccessCreatedFiles(t *testing.T) {
	old := syscall.Umask(0o022)
	defer syscall.Umask(old)
	d := newDisk(t, vfs.OS{}, filepath.Join(t.TempDir(), "above", "db"))
	d.must(d.Mkdir("log"))
	d.createFile("a", "")
	lock, err := d.Lock("LOCK")
	d.must(err)
	defer lock.Close()
	for path, want := range map[string]fs.FileMode{"..": 0o700, ".": 0o700, "log": 0o700, "a": 0o600, "LOCK": 0o600} {
		info, err := os.Stat(d.pathOf(path))
		d.must(err)
		if have := info.Mode().Perm(); have != want {
			t.Errorf("%s has mode %o, want %o", path, have, want)
		}
	}
}
