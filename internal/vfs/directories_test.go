package vfs_test

import (
	"errors"
	"path/filepath"

	"github.com/umadb-go/umadb/internal/vfs"
)

var directoryBehaviours = []behaviour{
	{"list gives names in order, those of directories too", func(d disk) {
		d.lists()
		for _, name := range []string{"c", "a", "b2", "b10"} {
			d.make(name, "")
		}
		d.must(d.MkdirAll(d.path("b/x")))
		d.lists("a", "b", "b10", "b2", "c")
	}},
	{"list needs a directory", func(d disk) {
		_, err := d.List(d.path("no"))
		d.lacks("list", err)
		d.make("a", "")
		if names, err := d.List(d.path("a")); err == nil {
			d.Errorf("a file lists %q", names)
		}
	}},
	{"mkdirall makes the directories above, and is content if all exist", func(d disk) {
		d.must(d.MkdirAll(d.path("x/y/z")))
		d.must(d.MkdirAll(d.path("x/y")))
		d.make("x/y/z/a", "")
		d.make("x/b", "")
		names, err := d.List(d.path("x"))
		d.must(err)
		if len(names) != 2 || names[0] != "b" || names[1] != "y" {
			d.Errorf("x has %q", names)
		}
	}},
	{"mkdirall does not take a file for a directory", func(d disk) {
		d.make("a", "text")
		for _, name := range []string{"a", "a/b"} {
			if err := d.MkdirAll(d.path(name)); err == nil {
				d.Errorf("%s is made", name)
			}
		}
		d.holds("a", "text")
	}},
	{"rename replaces", func(d disk) {
		d.make("a", "new")
		d.make("b", "old")
		d.must(d.Rename(d.path("a"), d.path("b")))
		d.lists("b")
		d.holds("b", "new")
	}},
	{"rename to the name it has changes nothing", func(d disk) {
		d.make("a", "text")
		d.must(d.Rename(d.path("a"), d.path("a")))
		d.lists("a")
		d.holds("a", "text")
	}},
	{"rename needs the file", func(d disk) {
		d.lacks("rename", d.Rename(d.path("a"), d.path("b")))
		d.lists()
	}},
	{"remove removes", func(d disk) {
		d.make("a", "")
		d.make("b", "")
		d.must(d.Remove(d.path("a")))
		d.lists("b")
		d.lacks("remove", d.Remove(d.path("a")))
	}},
	{"syncdir needs the directory, and any above may be synced", func(d disk) {
		d.must(d.SyncDir(d.dir))
		d.must(d.SyncDir(filepath.Dir(d.dir)))
		d.lacks("syncdir", d.SyncDir(d.path("no")))
	}},
}

var lockBehaviours = []behaviour{
	{"a lock is exclusive until it is closed", func(d disk) {
		lock, err := d.Lock(d.path("LOCK"))
		d.must(err)
		if _, err := d.Lock(d.path("LOCK")); !errors.Is(err, vfs.ErrLocked) {
			d.Errorf("the second lock: %v", err)
		}
		d.must(lock.Close())
		lock, err = d.Lock(d.path("LOCK"))
		d.must(err)
		d.must(lock.Close())
	}},
	{"locks of different names do not meet", func(d disk) {
		for _, name := range []string{"a", "b"} {
			lock, err := d.Lock(d.path(name))
			d.must(err)
			defer lock.Close()
		}
	}},
	{"a lock makes its file, and leaves it", func(d disk) {
		lock, err := d.Lock(d.path("LOCK"))
		d.must(err)
		d.must(lock.Close())
		d.lists("LOCK")
		d.make("a", "text")
		lock, err = d.Lock(d.path("a"))
		d.must(err)
		d.must(lock.Close())
		d.holds("a", "text")
	}},
	{"a lock needs the directory", func(d disk) {
		_, err := d.Lock(d.path("no/LOCK"))
		d.lacks("lock", err)
	}},
}
