package vfs_test

import (
	"errors"
	"io"
	"io/fs"

	"github.com/umadb-go/umadb/internal/vfs"
)

var fileBehaviours = []behaviour{
	{"create creates an empty file for reading and writing", func(d disk) {
		f := d.file(d.Create("a"))
		d.write(f, 0, "text")
		d.checkContent("a", "text")
		if have := d.read(f); have != "text" {
			d.Errorf("read back %q", have)
		}
	}},
	{"create truncates an existing file, also for open handles", func(d disk) {
		old := d.createFile("a", "old text")
		d.createFile("a", "new")
		d.checkContent("a", "new")
		if have := d.read(old); have != "new" {
			d.Errorf("the older handle reads %q", have)
		}
	}},
	{"open fails if the file does not exist", func(d disk) {
		_, err := d.Open("a")
		d.checkNotExist("open", err)
		_, err = d.OpenWrite("a")
		d.checkNotExist("openwrite", err)
	}},
	{"open rejects a directory", func(d disk) {
		d.must(d.Mkdir("a"))
		for doing, open := range map[string]func(string) (vfs.File, error){"open": d.Open, "openwrite": d.OpenWrite} {
			_, err := open("a")
			if corruption := new(vfs.CorruptionError); !errors.As(err, &corruption) || corruption.File != d.pathOf("a") {
				d.Errorf("%s: %v", doing, err)
			}
		}
	}},
	{"a file opened for reading cannot be written", func(d disk) {
		d.createFile("a", "text")
		f := d.file(d.Open("a"))
		if _, err := f.WriteAt([]byte("x"), 0); err == nil {
			d.Error("it can be written")
		}
		if err := f.Truncate(1); err == nil {
			d.Error("it can be truncated")
		}
		d.checkContent("a", "text")
	}},
	{"openwrite keeps the content", func(d disk) {
		d.createFile("a", "text")
		d.write(d.file(d.OpenWrite("a")), 1, "AC")
		d.checkContent("a", "tACt")
	}},
	{"a write past the end leaves zeros before it", func(d disk) {
		f := d.createFile("a", "ab")
		d.write(f, 5, "c")
		d.checkContent("a", "ab"+zeros(3)+"c")
	}},
	{"an empty write changes nothing", func(d disk) {
		f := d.createFile("a", "ab")
		d.write(f, 10, "")
		d.checkContent("a", "ab")
	}},
	{"a write copies its bytes", func(d disk) {
		f := d.file(d.Create("a"))
		b := []byte("text")
		d.write(f, 0, string(b))
		if _, err := f.WriteAt(b, 0); err != nil {
			d.Fatal(err)
		}
		clear(b)
		d.checkContent("a", "text")
	}},
	{"a read past the end returns the existing bytes and EOF", func(d disk) {
		f := d.createFile("a", "text")
		for offset, want := range map[int64]string{1: "ext", 4: "", 9: ""} {
			b := make([]byte, 8)
			n, err := f.ReadAt(b, offset)
			if string(b[:n]) != want || !errors.Is(err, io.EOF) {
				d.Errorf("at %d: %q and %v", offset, b[:n], err)
			}
		}
	}},
	{"a read up to the end returns no EOF", func(d disk) {
		b := make([]byte, 3)
		if n, err := d.createFile("a", "text").ReadAt(b, 1); string(b[:n]) != "ext" || err != nil {
			d.Errorf("%q and %v", b[:n], err)
		}
	}},
	{"a removed or replaced file can be read by open handles", func(d disk) {
		removed, replaced := d.createFile("a", "one"), d.createFile("b", "two")
		d.createFile("c", "three")
		d.must(d.Remove("a"))
		d.must(d.Rename("c", "b"))
		if a, b := d.read(removed), d.read(replaced); a != "one" || b != "two" {
			d.Errorf("read %q and %q", a, b)
		}
	}},
	{"a closed file returns ErrClosed", func(d disk) {
		f := d.createFile("a", "text")
		d.must(f.Sync())
		d.must(f.Close())
		_, read := f.ReadAt(make([]byte, 1), 0)
		_, write := f.WriteAt([]byte("x"), 0)
		for doing, err := range map[string]error{"read": read, "write": write, "truncate": f.Truncate(0), "close": f.Close()} {
			if !errors.Is(err, fs.ErrClosed) {
				d.Errorf("%s: %v", doing, err)
			}
		}
		d.checkContent("a", "text")
	}},
}

var spaceBehaviours = []behaviour{
	{"truncate shortens", func(d disk) {
		d.must(d.createFile("a", "text").Truncate(2))
		d.checkContent("a", "te")
	}},
	{"truncate extends with zeros, also over old content", func(d disk) {
		f := d.createFile("a", "text")
		d.must(f.Truncate(2))
		d.must(f.Truncate(6))
		d.checkContent("a", "te"+zeros(4))
	}},
	{"a write after truncate does not restore old content", func(d disk) {
		f := d.createFile("a", "text")
		d.must(f.Truncate(0))
		d.write(f, 3, "x")
		d.checkContent("a", zeros(3)+"x")
	}},
	{"allocate extends with zeros", func(d disk) {
		f := d.createFile("a", "text")
		d.must(f.Allocate(6, 4))
		d.checkContent("a", "text"+zeros(6))
	}},
	{"allocate never shrinks and never overwrites", func(d disk) {
		f := d.createFile("a", "a longer text")
		d.must(f.Allocate(0, 5))
		d.must(f.Allocate(2, 3))
		d.checkContent("a", "a longer text")
		d.must(f.Allocate(5, 10))
		d.checkContent("a", "a longer text"+zeros(2))
	}},
}
