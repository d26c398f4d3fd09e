package vfs_test

import (
	"errors"
	"io"
	"io/fs"

	"github.com/umadb-go/umadb/internal/vfs"
)

var fileBehaviours = []behaviour{
	{"create makes an empty file to read and write", func(d disk) {
		f := d.file(d.Create("a"))
		d.write(f, 0, "text")
		d.holds("a", "text")
		if have := d.read(f); have != "text" {
			d.Errorf("reading back gives %q", have)
		}
	}},
	{"create empties the file there is, for those who have it open too", func(d disk) {
		old := d.make("a", "old text")
		d.make("a", "new")
		d.holds("a", "new")
		if have := d.read(old); have != "new" {
			d.Errorf("the older handle reads %q", have)
		}
	}},
	{"open needs the file", func(d disk) {
		_, err := d.Open("a")
		d.lacks("open", err)
		_, err = d.OpenWrite("a")
		d.lacks("openwrite", err)
	}},
	{"a directory is not opened as a file", func(d disk) {
		d.must(d.Mkdir("a"))
		for doing, open := range map[string]func(string) (vfs.File, error){"open": d.Open, "openwrite": d.OpenWrite} {
			_, err := open("a")
			if damage := new(vfs.CorruptionError); !errors.As(err, &damage) || damage.File != d.below("a") {
				d.Errorf("%s: %v", doing, err)
			}
		}
	}},
	{"a file opened for reading cannot be changed", func(d disk) {
		d.make("a", "text")
		f := d.file(d.Open("a"))
		if _, err := f.WriteAt([]byte("x"), 0); err == nil {
			d.Error("it can be written")
		}
		if err := f.Truncate(1); err == nil {
			d.Error("it can be cut")
		}
		d.holds("a", "text")
	}},
	{"openwrite keeps what the file holds", func(d disk) {
		d.make("a", "text")
		d.write(d.file(d.OpenWrite("a")), 1, "AC")
		d.holds("a", "tACt")
	}},
	{"a write behind the end leaves zeros between", func(d disk) {
		f := d.make("a", "ab")
		d.write(f, 5, "c")
		d.holds("a", "ab"+zeros(3)+"c")
	}},
	{"an empty write changes nothing", func(d disk) {
		f := d.make("a", "ab")
		d.write(f, 10, "")
		d.holds("a", "ab")
	}},
	{"a write keeps its own copy", func(d disk) {
		f := d.file(d.Create("a"))
		b := []byte("text")
		d.write(f, 0, string(b))
		if _, err := f.WriteAt(b, 0); err != nil {
			d.Fatal(err)
		}
		clear(b)
		d.holds("a", "text")
	}},
	{"a read past the end gives what there is, and EOF", func(d disk) {
		f := d.make("a", "text")
		for offset, want := range map[int64]string{1: "ext", 4: "", 9: ""} {
			b := make([]byte, 8)
			n, err := f.ReadAt(b, offset)
			if string(b[:n]) != want || !errors.Is(err, io.EOF) {
				d.Errorf("at %d: %q and %v", offset, b[:n], err)
			}
		}
	}},
	{"a read of all that is left is no EOF", func(d disk) {
		b := make([]byte, 3)
		if n, err := d.make("a", "text").ReadAt(b, 1); string(b[:n]) != "ext" || err != nil {
			d.Errorf("%q and %v", b[:n], err)
		}
	}},
	{"a removed or replaced file is there for those who have it open", func(d disk) {
		removed, replaced := d.make("a", "one"), d.make("b", "two")
		d.make("c", "three")
		d.must(d.Remove("a"))
		d.must(d.Rename("c", "b"))
		if a, b := d.read(removed), d.read(replaced); a != "one" || b != "two" {
			d.Errorf("they read %q and %q", a, b)
		}
	}},
	{"a closed file cannot be used", func(d disk) {
		f := d.make("a", "text")
		d.must(f.Sync())
		d.must(f.Close())
		_, read := f.ReadAt(make([]byte, 1), 0)
		_, write := f.WriteAt([]byte("x"), 0)
		for doing, err := range map[string]error{"read": read, "write": write, "truncate": f.Truncate(0), "close": f.Close()} {
			if !errors.Is(err, fs.ErrClosed) {
				d.Errorf("%s: %v", doing, err)
			}
		}
		d.holds("a", "text")
	}},
}

var spaceBehaviours = []behaviour{
	{"truncate cuts", func(d disk) {
		d.must(d.make("a", "text").Truncate(2))
		d.holds("a", "te")
	}},
	{"truncate extends with zeros, whatever was there before", func(d disk) {
		f := d.make("a", "text")
		d.must(f.Truncate(2))
		d.must(f.Truncate(6))
		d.holds("a", "te"+zeros(4))
	}},
	{"a write behind a cut shows nothing of what was cut", func(d disk) {
		f := d.make("a", "text")
		d.must(f.Truncate(0))
		d.write(f, 3, "x")
		d.holds("a", zeros(3)+"x")
	}},
	{"allocate makes zeros up to its end", func(d disk) {
		f := d.make("a", "text")
		d.must(f.Allocate(6, 4))
		d.holds("a", "text"+zeros(6))
	}},
	{"allocate never shrinks and never overwrites", func(d disk) {
		f := d.make("a", "a longer text")
		d.must(f.Allocate(0, 5))
		d.must(f.Allocate(2, 3))
		d.holds("a", "a longer text")
		d.must(f.Allocate(5, 10))
		d.holds("a", "a longer text"+zeros(2))
	}},
}
