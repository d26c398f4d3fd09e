package vfs

import (
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Mem is a file system in memory that remembers what has been made durable, so
// that a power cut can be tried (see Crash). It is safe for concurrent use.
type Mem struct {
	mu    sync.Mutex // guards everything in the tree
	dirs  map[string]*memDir
	locks map[string]bool
}

// memDir is a directory: its entries now, the durable ones, and the changes
// between, in order.
type memDir struct {
	entries map[string]*memNode
	durable map[string]*memNode
	pending []dirChange
}

// dirChange sets an entry, or deletes it if node is nil. A rename is one change
// of two names.
type dirChange struct {
	name string
	node *memNode
	gone string // a name deleted together with it, if not empty
}

func (c dirChange) apply(entries map[string]*memNode) {
	if c.node == nil {
		delete(entries, c.name)
	} else {
		entries[c.name] = c.node
	}
	if c.gone != "" {
		delete(entries, c.gone)
	}
}

// memNode is a file: its bytes now, the durable ones, and the changes between.
type memNode struct {
	data    []byte
	durable []byte
	pending []fileChange
}

// fileChange writes bytes at an offset, or sets the length if bytes is nil.
type fileChange struct {
	offset int64
	bytes  []byte
}

// NewMem makes an empty file system.
func NewMem() *Mem {
	return &Mem{dirs: map[string]*memDir{}, locks: map[string]bool{}}
}

func notExist(op, name string) error {
	return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
}

// Create makes an empty file.
func (m *Mem) Create(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base := filepath.Split(name)
	d := m.dirs[filepath.Clean(dir)]
	if d == nil {
		return nil, notExist("create", name)
	}
	node := new(memNode)
	d.change(dirChange{name: base, node: node})
	return &memFile{fs: m, node: node, name: name, writable: true}, nil
}

// Open opens a file for reading.
func (m *Mem) Open(name string) (File, error) { return m.open(name, false) }

// OpenWrite opens an existing file for reading and writing.
func (m *Mem) OpenWrite(name string) (File, error) { return m.open(name, true) }

func (m *Mem) open(name string, writable bool) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base := filepath.Split(name)
	d := m.dirs[filepath.Clean(dir)]
	if d == nil || d.entries[base] == nil {
		return nil, notExist("open", name)
	}
	return &memFile{fs: m, node: d.entries[base], name: name, writable: writable}, nil
}

// Rename gives a file another name.
func (m *Mem) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.dirs[filepath.Dir(from)]
	if filepath.Dir(from) != filepath.Dir(to) {
		return fmt.Errorf("rename %s to %s: into another directory", from, to)
	}
	if d == nil || d.entries[filepath.Base(from)] == nil {
		return notExist("rename", from)
	}
	d.change(dirChange{name: filepath.Base(to), node: d.entries[filepath.Base(from)], gone: filepath.Base(from)})
	return nil
}

// Remove deletes a file.
func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.dirs[filepath.Dir(name)]
	if d == nil || d.entries[filepath.Base(name)] == nil {
		return notExist("remove", name)
	}
	d.change(dirChange{name: filepath.Base(name)})
	return nil
}

func (d *memDir) change(c dirChange) {
	c.apply(d.entries)
	d.pending = append(d.pending, c)
}

// MkdirAll makes a directory. Directories themselves are durable at once.
func (m *Mem) MkdirAll(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir = filepath.Clean(dir)
	if m.dirs[dir] == nil {
		m.dirs[dir] = &memDir{entries: map[string]*memNode{}, durable: map[string]*memNode{}}
	}
	return nil
}

// List gives the names of a directory's files and directories.
func (m *Mem) List(dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir = filepath.Clean(dir)
	d := m.dirs[dir]
	if d == nil {
		return nil, notExist("list", dir)
	}
	var names []string
	for name := range d.entries {
		names = append(names, name)
	}
	for path := range m.dirs {
		if filepath.Dir(path) == dir && path != dir {
			names = append(names, filepath.Base(path))
		}
	}
	slices.Sort(names)
	return names, nil
}

// SyncDir makes the entries of a directory durable.
func (m *Mem) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.dirs[filepath.Clean(dir)]
	if d == nil {
		return notExist("sync", dir)
	}
	for _, c := range d.pending {
		c.apply(d.durable)
	}
	d.pending = nil
	return nil
}

// Lock takes an exclusive lock on a name.
func (m *Mem) Lock(name string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locks[name] {
		return nil, fmt.Errorf("%s: %w", name, ErrLocked)
	}
	m.locks[name] = true
	return memLock{m, name}, nil
}

type memLock struct {
	fs   *Mem
	name string
}

func (l memLock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	delete(l.fs.locks, l.name)
	return nil
}

// TotalBytes is the length of all files together.
func (m *Mem) TotalBytes() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	total := 0
	for _, d := range m.dirs {
		for _, node := range d.entries {
			total += len(node.data)
		}
	}
	return int64(total)
}

// Files gives the paths of all files, in order.
func (m *Mem) Files() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var paths []string
	for dir, d := range m.dirs {
		for name := range d.entries {
			paths = append(paths, strings.TrimSuffix(dir, "/")+"/"+name)
		}
	}
	slices.Sort(paths)
	return paths
}
