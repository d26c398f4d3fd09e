package vfs_test

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/vfs"
)

// behaviour is what every file system has to do.
type behaviour struct {
	name  string
	check func(disk)
}

func TestFileSystemsBehaveAlike(t *testing.T) {
	watch := func(vfs.Op) error { return nil }
	systems := []struct {
		name string
		open func() vfs.FS
	}{
		{"os", func() vfs.FS { return vfs.OS{} }},
		{"mem", func() vfs.FS { return vfs.NewMem() }},
		{"observed os", func() vfs.FS { return vfs.Observe(vfs.OS{}, watch) }},
		{"observed mem", func() vfs.FS { return vfs.Observe(vfs.NewMem(), watch) }},
	}
	for _, system := range systems {
		for _, b := range slices.Concat(fileBehaviours, spaceBehaviours, directoryBehaviours, treeBehaviours, lockBehaviours) {
			t.Run(system.name+"/"+b.name, func(t *testing.T) {
				b.check(newDisk(t, system.open(), filepath.Join(t.TempDir(), "a", "b")))
			})
		}
	}
}

// disk is a file system under test, with an open directory on it.
type disk struct {
	*testing.T
	vfs.Dir
	fs vfs.FS
}

// newDisk opens a directory, made if need be.
func newDisk(t *testing.T, fsys vfs.FS, path string) disk {
	t.Helper()
	if err := fsys.MkdirAll(path); err != nil {
		t.Fatal(err)
	}
	dir, err := fsys.OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	return disk{t, dir, fsys}
}

// below returns the path of something in the directory.
func (d disk) below(name string) string { return filepath.Join(d.Path(), name) }

func (d disk) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

// file gives what Create, Open or OpenWrite gave, and closes it in the end.
func (d disk) file(f vfs.File, err error) vfs.File {
	d.Helper()
	d.must(err)
	d.Cleanup(func() { f.Close() })
	return f
}

// make makes a file with some content.
func (d disk) make(name, content string) vfs.File {
	d.Helper()
	f := d.file(d.Create(name))
	d.write(f, 0, content)
	return f
}

func (d disk) write(f vfs.File, offset int64, content string) {
	d.Helper()
	if n, err := f.WriteAt([]byte(content), offset); n != len(content) || err != nil {
		d.Fatalf("wrote %d of %d bytes: %v", n, len(content), err)
	}
}

// read gives all that a file holds.
func (d disk) read(f vfs.File) string {
	d.Helper()
	size, err := f.Size()
	d.must(err)
	content, err := io.ReadAll(io.NewSectionReader(f, 0, size))
	d.must(err)
	return string(content)
}

// holds fails unless the file of a name holds some content.
func (d disk) holds(name, content string) {
	d.Helper()
	if have := d.read(d.file(d.Open(name))); have != content {
		d.Errorf("%s holds %q, not %q", name, have, content)
	}
}

// lists fails unless the directory has these entries.
func (d disk) lists(names ...string) {
	d.Helper()
	have, err := d.List()
	d.must(err)
	if !slices.Equal(have, names) {
		d.Errorf("the directory has %q, not %q", have, names)
	}
}

// lacks fails unless the error says that there is no such file.
func (d disk) lacks(doing string, err error) {
	d.Helper()
	if !errors.Is(err, fs.ErrNotExist) {
		d.Errorf("%s: %v", doing, err)
	}
}

func zeros(n int) string { return strings.Repeat("\x00", n) }
