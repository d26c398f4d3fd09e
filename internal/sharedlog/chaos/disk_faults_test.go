//go:build linux

package chaos

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestDisk(t *testing.T) {
	dir := t.TempDir()
	d := newDisk(t, dir, filepath.Join(t.TempDir(), "image"))
	if d == nil {
		t.Skip("mounting is not permitted")
	}
	write := func(name string) error { return os.WriteFile(filepath.Join(dir, name), make([]byte, 100_000), 0o600) }
	if err := errors.Join(write("synced"), d.sync(), write("unsynced"), d.fail()); err != nil {
		t.Fatal(err)
	}
	if err := write("during"); !errors.Is(err, syscall.EIO) {
		t.Errorf("writing to a disk that has failed: %v", err)
	}
	if err := d.repair(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int64{"synced": 100_000, "unsynced": 0, "during": 0} {
		size := int64(0)
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil {
			size = info.Size()
		}
		if size != want {
			t.Errorf("the file %s has %d bytes, want %d", name, size, want)
		}
	}
	empty, err := d.fill()
	if err != nil {
		t.Fatal(err)
	}
	if err := write("full"); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("writing to a full disk: %v", err)
	}
	if err := errors.Join(empty(), write("full")); err != nil {
		t.Error(err)
	}
}
