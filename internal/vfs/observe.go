package vfs

import (
	"io"
	"path/filepath"
)

// Op is one operation on a file system, as passed to the callback of Observe.
type Op struct {
	// Kind is the name of the FS, Dir or File method in lower case: "create",
	// "write", "sync" and so on. Dir.Sync is "syncdir", and Dir.CheckFile "checkpath".
	Kind string
	// Name is the path of the file or directory; for "rename" the new path.
	Name string
	// Offset and Size are set for "read", "write" and "allocate". For "truncate",
	// only Size is set.
	Offset, Size int64
}

// Observe wraps a file system and calls before for each operation. If before returns
// an error, the operation returns that error and does nothing else. Tests use it to
// inject faults, to simulate a power failure at a certain operation, and to record a
// trace.
func Observe(fs FS, before func(Op) error) FS { return &observedFS{fs, before} }

// ObserveDir wraps an open directory, as Observe wraps a file system.
func ObserveDir(dir Dir, before func(Op) error) Dir { return &observedDir{dir, before} }

type observedFS struct {
	fs     FS
	before func(Op) error
}

type observedDir struct {
	dir    Dir
	before func(Op) error
}

type observedFile struct {
	file   File
	name   string
	before func(Op) error
}

func (o *observedFS) OpenDir(path string) (Dir, error) {
	if err := o.before(Op{Kind: "opendir", Name: path}); err != nil {
		return nil, err
	}
	d, err := o.fs.OpenDir(path)
	if err != nil {
		return nil, err
	}
	return &observedDir{d, o.before}, nil
}

func (o *observedFS) System() System { return o.fs.System() }

func (o *observedFS) MkdirAll(path string) error {
	if err := o.before(Op{Kind: "mkdirall", Name: path}); err != nil {
		return err
	}
	return o.fs.MkdirAll(path)
}

// observe calls before for an operation on an entry, or on the directory if name is
// empty.
func (o *observedDir) observe(kind, name string) error {
	return o.before(Op{Kind: kind, Name: filepath.Join(o.dir.Path(), name)})
}

func (o *observedDir) wrap(kind, name string, open func(string) (File, error)) (File, error) {
	if err := o.observe(kind, name); err != nil {
		return nil, err
	}
	f, err := open(name)
	if err != nil {
		return nil, err
	}
	return &observedFile{f, filepath.Join(o.dir.Path(), name), o.before}, nil
}

func (o *observedDir) Path() string { return o.dir.Path() }
func (o *observedDir) Close() error { return o.dir.Close() }

func (o *observedDir) Create(name string) (File, error) { return o.wrap("create", name, o.dir.Create) }
func (o *observedDir) Open(name string) (File, error)   { return o.wrap("open", name, o.dir.Open) }
func (o *observedDir) OpenWrite(name string) (File, error) {
	return o.wrap("openwrite", name, o.dir.OpenWrite)
}

func (o *observedDir) Rename(from, to string) error {
	if err := o.observe("rename", to); err != nil {
		return err
	}
	return o.dir.Rename(from, to)
}

func (o *observedDir) Remove(name string) error {
	if err := o.observe("remove", name); err != nil {
		return err
	}
	return o.dir.Remove(name)
}

func (o *observedDir) List() ([]string, error) {
	if err := o.observe("list", ""); err != nil {
		return nil, err
	}
	return o.dir.List()
}

func (o *observedDir) Sync() error {
	if err := o.observe("syncdir", ""); err != nil {
		return err
	}
	return o.dir.Sync()
}

func (o *observedDir) Mkdir(name string) error {
	if err := o.observe("mkdir", name); err != nil {
		return err
	}
	return o.dir.Mkdir(name)
}

func (o *observedDir) OpenDir(name string) (Dir, error) {
	if err := o.observe("opendir", name); err != nil {
		return nil, err
	}
	d, err := o.dir.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &observedDir{d, o.before}, nil
}

func (o *observedDir) CheckPath() error {
	if err := o.observe("checkpath", ""); err != nil {
		return err
	}
	return o.dir.CheckPath()
}

func (o *observedDir) CheckFile(name string, f File) error {
	if err := o.observe("checkpath", name); err != nil {
		return err
	}
	return o.dir.CheckFile(name, f.(*observedFile).file)
}

// Free is not observed, because it is only a measurement.
func (o *observedDir) Free() (free, size int64, err error) { return o.dir.Free() }

func (o *observedDir) Lock(name string) (io.Closer, error) {
	if err := o.observe("lock", name); err != nil {
		return nil, err
	}
	return o.dir.Lock(name)
}

func (o *observedDir) LockDir() (io.Closer, error) {
	if err := o.observe("lockdir", ""); err != nil {
		return nil, err
	}
	return o.dir.LockDir()
}

func (f *observedFile) ReadAt(p []byte, offset int64) (int, error) {
	if err := f.before(Op{"read", f.name, offset, int64(len(p))}); err != nil {
		return 0, err
	}
	return f.file.ReadAt(p, offset)
}

func (f *observedFile) WriteAt(p []byte, offset int64) (int, error) {
	if err := f.before(Op{"write", f.name, offset, int64(len(p))}); err != nil {
		return 0, err
	}
	return f.file.WriteAt(p, offset)
}

func (f *observedFile) Truncate(size int64) error {
	if err := f.before(Op{Kind: "truncate", Name: f.name, Size: size}); err != nil {
		return err
	}
	return f.file.Truncate(size)
}

func (f *observedFile) Allocate(offset, size int64) error {
	if err := f.before(Op{"allocate", f.name, offset, size}); err != nil {
		return err
	}
	return f.file.Allocate(offset, size)
}

func (f *observedFile) Sync() error {
	if err := f.before(Op{Kind: "sync", Name: f.name}); err != nil {
		return err
	}
	return f.file.Sync()
}

func (f *observedFile) Size() (int64, error)         { return f.file.Size() }
func (f *observedFile) Close() error                 { return f.file.Close() }
func (f *observedFile) DropCache(offset, size int64) { f.file.DropCache(offset, size) }
