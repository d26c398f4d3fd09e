package vfs_test

import (
	"errors"
	"testing"

	"github.com/umadb-go/umadb/internal/vfs"
)

// Allocate writes zeros where the file system cannot allocate space.
func TestWriteZerosHasTheEffectOfAllocate(t *testing.T) {
	for _, c := range []struct {
		have         string
		offset, size int64
		want         string
	}{
		{"", 0, 0, ""},
		{"", 0, 3, zeros(3)},
		{"text", 2, 5, "text" + zeros(3)},
		{"text", 6, 2, "text" + zeros(4)},
		{"a longer text", 0, 5, "a longer text"},
		{"x", 1, 3 << 20, "x" + zeros(3<<20)},
	} {
		d := newDisk(t, vfs.OS{}, t.TempDir())
		f := d.createFile("a", c.have)
		d.must(vfs.WriteZeros(f, c.offset, c.size))
		if have := d.read(f); have != c.want {
			t.Errorf("%.20q with %d bytes at %d: %d bytes, want %d", c.have, c.size, c.offset, len(have), len(c.want))
		}
	}
}

func TestWriteZerosReturnsWriteError(t *testing.T) {
	full := errors.New("no space")
	limit := vfs.Observe(vfs.NewMem(), func(op vfs.Op) error {
		if op.Kind == "write" && op.Offset > 0 {
			return full
		}
		return nil
	})
	d := newDisk(t, limit, "dir")
	f := d.file(d.Create("a"))
	if err := vfs.WriteZeros(f, 0, 2<<20); !errors.Is(err, full) {
		t.Errorf("the error is %v", err)
	}
}
