package vfs_test

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"

	"github.com/umadb-go/umadb/internal/vfs"
)

var directoryBehaviours = []behaviour{
	{"list returns names in order, including directories", func(d disk) {
		d.checkEntries()
		for _, name := range []string{"c", "a", "b2", "b10"} {
			d.createFile(name, "")
		}
		d.must(d.fs.MkdirAll(d.pathOf("b/x")))
		d.checkEntries("a", "b", "b10", "b2", "c")
	}},
	{"rename replaces", func(d disk) {
		d.createFile("a", "new")
		d.createFile("b", "old")
		d.must(d.Rename("a", "b"))
		d.checkEntries("b")
		d.checkContent("b", "new")
	}},
	{"rename to the same name changes nothing", func(d disk) {
		d.createFile("a", "text")
		d.must(d.Rename("a", "a"))
		d.checkEntries("a")
		d.checkContent("a", "text")
	}},
	{"rename fails if the file does not exist", func(d disk) {
		d.checkNotExist("rename", d.Rename("a", "b"))
		d.checkEntries()
	}},
	{"remove deletes the file", func(d disk) {
		d.createFile("a", "")
		d.createFile("b", "")
		d.must(d.Remove("a"))
		d.checkEntries("b")
		d.checkNotExist("remove", d.Remove("a"))
	}},
	{"checkfile detects that a name leads to another file", func(d disk) {
		f := d.createFile("a", "text")
		d.must(d.CheckFile("a", f))
		d.must(d.Rename("a", "b"))
		d.must(d.CheckFile("b", f))
		for _, act := range []func(){func() {}, func() { d.createFile("a", "text") }, func() { d.must(d.Remove("a")) }} {
			act()
			if err := d.CheckFile("a", f); !errors.Is(err, vfs.ErrMoved) || !strings.Contains(err.Error(), d.pathOf("a")) {
				d.Errorf("the error is %v", err)
			}
		}
	}},
	{"sync can be repeated", func(d disk) {
		d.must(d.Sync())
		d.createFile("a", "")
		d.must(d.Sync())
	}},
	{"a closed directory returns ErrClosed", func(d disk) {
		d.createFile("a", "text")
		d.must(d.Close())
		_, create := d.Create("b")
		_, open := d.Open("a")
		_, list := d.List()
		_, lock := d.Lock("LOCK")
		for doing, err := range map[string]error{"create": create, "open": open, "list": list, "lock": lock, "remove": d.Remove("a"), "rename": d.Rename("a", "b"), "sync": d.Sync(), "checkpath": d.CheckPath()} {
			if !errors.Is(err, fs.ErrClosed) {
				d.Errorf("%s: %v", doing, err)
			}
		}
	}},
	{"errors contain the path", func(d disk) {
		_, err := d.Open("a")
		if !strings.Contains(err.Error(), d.pathOf("a")) {
			d.Errorf("open: %v", err)
		}
		f := d.createFile("a", "")
		d.must(f.Close())
		if err := f.Close(); !strings.Contains(err.Error(), d.pathOf("a")) {
			d.Errorf("close: %v", err)
		}
	}},
}

// treeBehaviours are the rules for subdirectories.
var treeBehaviours = []behaviour{
	{"mkdirall creates parents and accepts existing directories", func(d disk) {
		d.must(d.fs.MkdirAll(d.pathOf("x/y/z")))
		d.must(d.fs.MkdirAll(d.pathOf("x/y")))
		x := newDisk(d.T, d.fs, d.pathOf("x"))
		x.createFile("b", "")
		x.checkEntries("b", "y")
		newDisk(d.T, d.fs, d.pathOf("x/y")).checkEntries("z")
	}},
	{"mkdirall fails if a file is in its path", func(d disk) {
		d.createFile("a", "text")
		for _, name := range []string{"a", "a/b"} {
			if err := d.fs.MkdirAll(d.pathOf(name)); err == nil {
				d.Errorf("%s was created", name)
			}
		}
		d.checkContent("a", "text")
	}},
	{"opendir fails without a directory", func(d disk) {
		d.createFile("a", "")
		for _, open := range []func(name string) (vfs.Dir, error){
			d.OpenDir,
			func(name string) (vfs.Dir, error) { return d.fs.OpenDir(d.pathOf(name)) },
		} {
			_, err := open("no")
			d.checkNotExist("opendir", err)
			if _, err := open("a"); !errors.Is(err, syscall.ENOTDIR) {
				d.Errorf("opening a file: %v", err)
			}
		}
		if _, err := d.fs.OpenDir(d.pathOf("a/b")); !errors.Is(err, syscall.ENOTDIR) {
			d.Errorf("opening a directory below a file: %v", err)
		}
	}},
	{"mkdir creates a directory and accepts an existing one", func(d disk) {
		d.must(d.Mkdir("x"))
		x, err := d.OpenDir("x")
		d.must(err)
		defer x.Close()
		disk{d.T, x, d.fs}.createFile("a", "text")
		d.must(d.Mkdir("x"))
		disk{d.T, x, d.fs}.checkContent("a", "text")
		d.createFile("b", "")
		if err := d.Mkdir("b"); err == nil {
			d.Error("mkdir accepts an existing file")
		}
		d.checkEntries("b", "x")
	}},
}

var lockBehaviours = []behaviour{
	{"a lock is exclusive until it is closed", func(d disk) {
		lock, err := d.Lock("LOCK")
		d.must(err)
		if _, err := d.Lock("LOCK"); !errors.Is(err, vfs.ErrLocked) {
			d.Errorf("the second lock: %v", err)
		}
		d.must(lock.Close())
		lock, err = d.Lock("LOCK")
		d.must(err)
		d.must(lock.Close())
	}},
	{"locks with different names are independent", func(d disk) {
		for _, name := range []string{"a", "b"} {
			lock, err := d.Lock(name)
			d.must(err)
			defer lock.Close()
		}
	}},
	{"a lock creates its file and does not remove it", func(d disk) {
		lock, err := d.Lock("LOCK")
		d.must(err)
		d.must(lock.Close())
		d.checkEntries("LOCK")
	}},
	{"a removed lock file can be locked again", func(d disk) {
		lock, err := d.Lock("LOCK")
		d.must(err)
		defer lock.Close()
		d.must(d.Remove("LOCK"))
		again, err := d.Lock("LOCK")
		d.must(err)
		d.must(again.Close())
	}},
	{"a directory lock is exclusive across handles", func(d disk) {
		lock, err := d.LockDir()
		d.must(err)
		again, err := d.fs.OpenDir(d.Path())
		d.must(err)
		defer again.Close()
		if _, err := again.LockDir(); !errors.Is(err, vfs.ErrLocked) {
			d.Errorf("the second lock: %v", err)
		}
		d.must(lock.Close())
		lock, err = again.LockDir()
		d.must(err)
		d.must(lock.Close())
	}},
}
