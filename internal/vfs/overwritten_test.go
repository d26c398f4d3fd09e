package vfs_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/vfs"
)

func TestReadOverwrittenReadsAgainUntilValid(t *testing.T) {
	mem := vfs.NewMem()
	if err := mem.MkdirAll("dir"); err != nil {
		t.Fatal(err)
	}
	file, err := mem.Create("dir/file")
	if err != nil {
		t.Fatal(err)
	}
	reads := 0
	dir, err := vfs.Observe(mem, func(op vfs.Op) error {
		if op.Kind == "read" {
			reads++
			_, err := file.WriteAt([]byte(strings.Repeat("x", reads)), 0)
			return err
		}
		return nil
	}).OpenDir("dir")
	if err != nil {
		t.Fatal(err)
	}
	never := func([]byte) bool { return false }
	if b, err := vfs.ReadOverwritten(dir, "file", 3, func(b []byte) bool { return len(b) == 3 }); err != nil || string(b) != "xxx" || reads != 3 {
		t.Errorf("after %d reads: %q, %v", reads, b, err)
	}
	if b, err := vfs.ReadOverwritten(dir, "file", 3, never); err != nil || string(b) != "xxxx" {
		t.Errorf("an invalid file, longer than expected: %q, %v", b, err)
	}
	if _, err := vfs.ReadOverwritten(dir, "missing", 3, never); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}
