//go:build linux || darwin

package vfs_test

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/umadb-go/umadb/internal/vfs"
)

// Opening a pipe for reading would wait until something opens it for writing.
func TestANamedPipeIsNotWaitedFor(t *testing.T) {
	d := newDisk(t, vfs.OS{}, t.TempDir())
	if err := unix.Mkfifo(d.below("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for doing, open := range map[string]func(string) (vfs.File, error){"open": d.Open, "openwrite": d.OpenWrite} {
		_, err := open("pipe")
		if damage := new(vfs.CorruptionError); !errors.As(err, &damage) || damage.File != d.below("pipe") {
			t.Errorf("%s: %v", doing, err)
		}
	}
}
