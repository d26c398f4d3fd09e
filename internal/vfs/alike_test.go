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

// behaviour is a rule that every file system must follow.
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
		{"volatile mem", func() vfs.FS { return vfs.NewVolatileMem() }},
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

// disk is a file system under test, with an open directory in it.
type disk struct {
	*testing.T
	vfs.Dir
	fs vfs.FS
}

// newDisk opens a directory, and creates it if necessary.
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

// pathOf returns the path of an entry of the directory.
func (d disk) pathOf(name string) string { return filepath.Join(d.Path(), name) }

func (d disk) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

// file checks the results of Create, Open or OpenWrite, and returns the file. The file
// is closed when the test ends.
func (d disk) file(f vfs.File, err error) vfs.File {
	d.Helper()
	d.must(err)
	d.Cleanup(func() { f.Close() })
	return f
}

// createFile creates a file with the given content.
func (d disk) createFile(name, content string) vfs.File {
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

// read returns the content of a file.
func (d disk) read(f vfs.File) string {
	d.Helper()
	size, err := f.Size()
	d.must(err)
	content, err := io.ReadAll(io.NewSectionReader(f, 0, size))
	d.must(err)
	return string(content)
}

// checkContent fails unless the named file has the given content.
func (d disk) checkContent(name, content string) {
	d.Helper()
	if have := d.read(d.file(d.Open(name))); have != content {
		d.Errorf("%s contains %q, want %q", name, have, content)
	}
}

// checkEntries fails unless the directory has exactly these entries.
func (d disk) checkEntries(names ...string) {
	d.Helper()
	have, err := d.List()
	d.must(err)
	if !slices.Equal(have, names) {
		d.Errorf("entries = %q, want %q", have, names)
	}
}

// checkNotExist fails unless err matches fs.ErrNotExist.
func (d disk) checkNotExist(doing string, err error) {
	d.Helper()
	if !errors.Is(err, fs.ErrNotExist) {
		d.Errorf("%s: %v", doing, err)
	}
}

func zeros(n int) string { return strings.Repeat("\x00", n) }
