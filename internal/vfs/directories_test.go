package vfs_test

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"

	"github.com/umadb-go/umadb/internal/vfs"
)

var directoryBehaviours = []behaviour{
	{"list gives names in order, those of directories too", func(d disk) {
		d.lists()
		for _, name := range []string{"c", "a", "b2", "b10"} {
			d.make(name, "")
		}
		d.must(d.fs.MkdirAll(d.below("b/x")))
		d.lists("a", "b", "b10", "b2", "c")
	}},
	{"rename replaces", func(d disk) {
		d.make("a", "new")
		d.make("b", "old")
		d.must(d.Rename("a", "b"))
		d.lists("b")
		d.holds("b", "new")
	}},
	{"rename to the name it has changes nothing", func(d disk) {
		d.make("a", "text")
		d.must(d.Rename("a", "a"))
		d.lists("a")
		d.holds("a", "text")
	}},
	{"rename needs the file", func(d disk) {
		d.lacks("rename", d.Rename("a", "b"))
		d.lists()
	}},
	{"remove removes", func(d disk) {
		d.make("a", "")
		d.make("b", "")
		d.must(d.Remove("a"))
		d.lists("b")
		d.lacks("remove", d.Remove("a"))
	}},
	{"a file is checked to have its name", func(d disk) {
		f := d.make("a", "text")
		d.must(d.CheckFile("a", f))
		d.must(d.Rename("a", "b"))
		d.must(d.CheckFile("b", f))
		for _, act := range []func(){func() {}, func() { d.make("a", "text") }, func() { d.must(d.Remove("a")) }} {
			act()
			if err := d.CheckFile("a", f); !errors.Is(err, vfs.ErrMoved) || !strings.Contains(err.Error(), d.below("a")) {
				d.Errorf("the error is %v", err)
			}
		}
	}},
	{"sync is done again and again", func(d disk) {
		d.must(d.Sync())
		d.make("a", "")
		d.must(d.Sync())
	}},
	{"a closed directory cannot be used", func(d disk) {
		d.make("a", "text")
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
	{"files and errors name the path of the directory", func(d disk) {
		_, err := d.Open("a")
		if !strings.Contains(err.Error(), d.below("a")) {
			d.Errorf("open: %v", err)
		}
		f := d.make("a", "")
		d.must(f.Close())
		if err := f.Close(); !strings.Contains(err.Error(), d.below("a")) {
			d.Errorf("close: %v", err)
		}
	}},
}

// treeBehaviours are about directories within others.
var treeBehaviours = []behaviour{
	{"mkdirall makes the directories above, and is content if all exist", func(d disk) {
		d.must(d.fs.MkdirAll(d.below("x/y/z")))
		d.must(d.fs.MkdirAll(d.below("x/y")))
		x := newDisk(d.T, d.fs, d.below("x"))
		x.make("b", "")
		x.lists("b", "y")
		newDisk(d.T, d.fs, d.below("x/y")).lists("z")
	}},
	{"mkdirall does not take a file for a directory", func(d disk) {
		d.make("a", "text")
		for _, name := range []string{"a", "a/b"} {
			if err := d.fs.MkdirAll(d.below(name)); err == nil {
				d.Errorf("%s is made", name)
			}
		}
		d.holds("a", "text")
	}},
	{"opendir needs a directory", func(d disk) {
		d.make("a", "")
		for _, open := range []func(name string) (vfs.Dir, error){
			d.OpenDir,
			func(name string) (vfs.Dir, error) { return d.fs.OpenDir(d.below(name)) },
		} {
			_, err := open("no")
			d.lacks("opendir", err)
			if _, err := open("a"); !errors.Is(err, syscall.ENOTDIR) {
				d.Errorf("opening a file: %v", err)
			}
		}
		if _, err := d.fs.OpenDir(d.below("a/b")); !errors.Is(err, syscall.ENOTDIR) {
			d.Errorf("opening what is below a file: %v", err)
		}
	}},
	{"mkdir makes a directory, and is content if it exists", func(d disk) {
		d.must(d.Mkdir("x"))
		x, err := d.OpenDir("x")
		d.must(err)
		defer x.Close()
		disk{d.T, x, d.fs}.make("a", "text")
		d.must(d.Mkdir("x"))
		disk{d.T, x, d.fs}.holds("a", "text")
		d.make("b", "")
		if err := d.Mkdir("b"); err == nil {
			d.Error("a file is taken for a directory")
		}
		d.lists("b", "x")
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
	{"locks of different names do not meet", func(d disk) {
		for _, name := range []string{"a", "b"} {
			lock, err := d.Lock(name)
			d.must(err)
			defer lock.Close()
		}
	}},
	{"a lock makes its file, and leaves it", func(d disk) {
		lock, err := d.Lock("LOCK")
		d.must(err)
		d.must(lock.Close())
		d.lists("LOCK")
	}},
	{"a lock of a file that was replaced is another lock", func(d disk) {
		lock, err := d.Lock("LOCK")
		d.must(err)
		defer lock.Close()
		d.must(d.Remove("LOCK"))
		again, err := d.Lock("LOCK")
		d.must(err)
		d.must(again.Close())
	}},
	{"a directory is locked by itself, however often it is opened", func(d disk) {
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
