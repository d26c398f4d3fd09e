package vfs

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
)

// openMemDir is an open directory of a Mem.
type openMemDir struct {
	fs     *Mem
	dir    *memDir
	path   string
	closed bool // guarded by fs.mu
}

// begin locks the file system for an operation on an entry, or on the directory if
// name is empty. It returns an error if the directory was closed; otherwise, end must
// be called.
func (d *openMemDir) begin(op, name string) error {
	d.fs.mu.Lock()
	if d.closed {
		d.fs.mu.Unlock()
		return &fs.PathError{Op: op, Path: d.pathOf(name), Err: fs.ErrClosed}
	}
	return nil
}

func (d *openMemDir) end() { d.fs.mu.Unlock() }

func (d *openMemDir) pathOf(name string) string { return filepath.Join(d.path, name) }

func (d *openMemDir) Path() string { return d.path }

func (d *openMemDir) Create(name string) (File, error) {
	if err := d.begin("create", name); err != nil {
		return nil, err
	}
	defer d.end()
	node := d.dir.create(name)
	node.change(fileChange{offset: 0})
	return &memFile{fs: d.fs, node: node, name: d.pathOf(name), writable: true}, nil
}

// create returns the file with the given name, and creates it if it does not exist.
func (d *memDir) create(name string) *memNode {
	if d.entries[name] == nil {
		node := new(memNode)
		if d.volatile {
			node.sparse = new(sparse)
		}
		d.change(dirChange{name: name, node: node})
	}
	return d.entries[name]
}

func (d *memDir) change(c dirChange) {
	c.apply(d.entries)
	if !d.volatile {
		d.pending = append(d.pending, c)
	}
}

func (d *openMemDir) Open(name string) (File, error) { return d.open(name, false) }

func (d *openMemDir) OpenWrite(name string) (File, error) { return d.open(name, true) }

func (d *openMemDir) open(name string, writable bool) (File, error) {
	if err := d.begin("open", name); err != nil {
		return nil, err
	}
	defer d.end()
	if d.fs.dirs[d.pathOf(name)] != nil {
		return nil, notRegular(d.pathOf(name), fs.ModeDir)
	}
	node := d.dir.entries[name]
	if node == nil {
		return nil, notExist("open", d.pathOf(name))
	}
	return &memFile{fs: d.fs, node: node, name: d.pathOf(name), writable: writable}, nil
}

func (d *openMemDir) Rename(from, to string) error {
	if err := d.begin("rename", from); err != nil {
		return err
	}
	defer d.end()
	node := d.dir.entries[from]
	if node == nil {
		return notExist("rename", d.pathOf(from))
	}
	d.dir.change(dirChange{name: to, node: node, gone: from})
	return nil
}

func (d *openMemDir) Remove(name string) error {
	if err := d.begin("remove", name); err != nil {
		return err
	}
	defer d.end()
	if d.dir.entries[name] == nil {
		return notExist("remove", d.pathOf(name))
	}
	d.dir.change(dirChange{name: name})
	return nil
}

func (d *openMemDir) List() ([]string, error) {
	if err := d.begin("list", ""); err != nil {
		return nil, err
	}
	defer d.end()
	names := slices.Collect(maps.Keys(d.dir.entries))
	if d.checkPathLocked() == nil {
		for path := range d.fs.dirs {
			if at := filepath.Clean(d.path); filepath.Dir(path) == at && path != at {
				names = append(names, filepath.Base(path))
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

func (d *openMemDir) Sync() error {
	if err := d.begin("sync", ""); err != nil {
		return err
	}
	defer d.end()
	for _, c := range d.dir.pending {
		c.apply(d.dir.durable)
	}
	d.dir.pending = nil
	return nil
}

// Mkdir creates a directory. Directories are durable at once.
func (d *openMemDir) Mkdir(name string) error {
	if err := d.begin("mkdir", name); err != nil {
		return err
	}
	defer d.end()
	if err := d.checkPathLocked(); err != nil {
		return err
	}
	return d.fs.mkdirLocked(d.pathOf(name))
}

func (d *openMemDir) OpenDir(name string) (Dir, error) {
	if err := d.begin("open", name); err != nil {
		return nil, err
	}
	defer d.end()
	if err := d.checkPathLocked(); err != nil {
		return nil, err
	}
	dir, err := d.fs.findLocked("open", d.pathOf(name))
	if err != nil {
		return nil, err
	}
	return &openMemDir{fs: d.fs, dir: dir, path: d.pathOf(name)}, nil
}

func (d *openMemDir) CheckPath() error {
	if err := d.begin("stat", ""); err != nil {
		return err
	}
	defer d.end()
	return d.checkPathLocked()
}

func (d *openMemDir) CheckFile(name string, f File) error {
	if err := d.begin("stat", name); err != nil {
		return err
	}
	defer d.end()
	if d.dir.entries[name] != f.(*memFile).node {
		return &fs.PathError{Op: "stat", Path: d.pathOf(name), Err: ErrMoved}
	}
	return nil
}

func (d *openMemDir) checkPathLocked() error {
	if d.fs.dirs[filepath.Clean(d.path)] != d.dir {
		return &fs.PathError{Op: "stat", Path: d.path, Err: ErrMoved}
	}
	return nil
}

func (d *openMemDir) Free() (free, size int64, err error) { return 0, 0, errors.ErrUnsupported }

func (d *openMemDir) Lock(name string) (io.Closer, error) {
	if err := d.begin("lock", name); err != nil {
		return nil, err
	}
	defer d.end()
	return d.fs.lockLocked(d.dir.create(name), d.pathOf(name))
}

func (d *openMemDir) LockDir() (io.Closer, error) {
	if err := d.begin("lock", ""); err != nil {
		return nil, err
	}
	defer d.end()
	return d.fs.lockLocked(d.dir, d.path)
}

func (m *Mem) lockLocked(what any, path string) (io.Closer, error) {
	if m.locks[what] {
		return nil, &LockedError{Path: path}
	}
	m.locks[what] = true
	return memLock{m, what}, nil
}

func (d *openMemDir) Close() error {
	if err := d.begin("close", ""); err != nil {
		return err
	}
	defer d.end()
	d.closed = true
	return nil
}

// memLock is a lock on a file or a directory.
type memLock struct {
	fs   *Mem
	what any
}

func (l memLock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	delete(l.fs.locks, l.what)
	return nil
}
