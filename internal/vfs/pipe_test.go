//go:build linux || darwin

package vfs_test

import (
	"errors"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/umadb-go/umadb/internal/vfs"
)

// Opening a pipe for reading would wait until something opens it for writing.
func TestANamedPipeIsNotWaitedFor(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	for doing, open := range map[string]func(string) (vfs.File, error){"open": vfs.OS{}.Open, "openwrite": vfs.OS{}.OpenWrite} {
		_, err := open(name)
		if damage := new(vfs.DamageError); !errors.As(err, &damage) || damage.File != name {
			t.Errorf("%s: %v", doing, err)
		}
	}
}
