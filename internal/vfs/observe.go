package vfs

import "io"

// Op is one operation on a file system, as Observe shows it.
type Op struct {
	// Kind is the name of the FS or File method, in lower case: "create",
	// "write", "sync", "syncdir", …
	Kind string
	// Name is the file or directory; for "rename" the new name.
	Name string
	// Offset and Size are those of a "read", "write" or "allocate"; Size alone
	// that of a "truncate".
	Offset, Size int64
}

// Observe wraps a file system so that before is asked before each operation,
// and an error that it gives is returned instead of the operation done. It
// serves to inject faults, to cut the power at a moment, and to record a trace.
func Observe(fs FS, before func(Op) error) FS { return &observed{fs, before} }

type observed struct {
	fs     FS
	before func(Op) error
}

type observedFile struct {
	file   File
	name   string
	before func(Op) error
}

func (o *observed) wrap(kind, name string, open func(string) (File, error)) (File, error) {
	if err := o.before(Op{Kind: kind, Name: name}); err != nil {
		return nil, err
	}
	f, err := open(name)
	if err != nil {
		return nil, err
	}
	return &observedFile{f, name, o.before}, nil
}

func (o *observed) Create(name string) (File, error) { return o.wrap("create", name, o.fs.Create) }
func (o *observed) Open(name string) (File, error)   { return o.wrap("open", name, o.fs.Open) }
func (o *observed) OpenWrite(name string) (File, error) {
	return o.wrap("openwrite", name, o.fs.OpenWrite)
}

func (o *observed) Rename(from, to string) error {
	if err := o.before(Op{Kind: "rename", Name: to}); err != nil {
		return err
	}
	return o.fs.Rename(from, to)
}

func (o *observed) Remove(name string) error {
	if err := o.before(Op{Kind: "remove", Name: name}); err != nil {
		return err
	}
	return o.fs.Remove(name)
}

func (o *observed) MkdirAll(dir string) error {
	if err := o.before(Op{Kind: "mkdirall", Name: dir}); err != nil {
		return err
	}
	return o.fs.MkdirAll(dir)
}

func (o *observed) List(dir string) ([]string, error) {
	if err := o.before(Op{Kind: "list", Name: dir}); err != nil {
		return nil, err
	}
	return o.fs.List(dir)
}

func (o *observed) SyncDir(dir string) error {
	if err := o.before(Op{Kind: "syncdir", Name: dir}); err != nil {
		return err
	}
	return o.fs.SyncDir(dir)
}

func (o *observed) Lock(name string) (io.Closer, error) {
	if err := o.before(Op{Kind: "lock", Name: name}); err != nil {
		return nil, err
	}
	return o.fs.Lock(name)
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

func (f *observedFile) Size() (int64, error) { return f.file.Size() }
func (f *observedFile) Close() error         { return f.file.Close() }
