//go:build linux || darwin

package vfs_test

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/umadb-go/umadb/internal/vfs"
)

// Opening a pipe for reading normally blocks until it is opened for writing.
func TestOpenDoesNotBlockOnNamedPipe(t *testing.T) {
	d := newDisk(t, vfs.OS{}, t.TempDir())
	if err := unix.Mkfifo(d.pathOf("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for doing, open := range map[string]func(string) (vfs.File, error){"open": d.Open, "openwrite": d.OpenWrite} {
		_, err := open("pipe")
		if corruption := new(vfs.CorruptionError); !errors.As(err, &corruption) || corruption.File != d.pathOf("pipe") {
			t.Errorf("%s: %v", doing, err)
		}
	}
}
