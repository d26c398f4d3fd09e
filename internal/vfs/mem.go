package vfs

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
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
	if c.gone != "" && c.gone != c.name {
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

func notDirectory(op, name string) error {
	return &fs.PathError{Op: op, Path: name, Err: syscall.ENOTDIR}
}

// Create makes an empty file, or empties the one there is.
func (m *Mem) Create(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	node, err := m.createLocked("create", name)
	if err != nil {
		return nil, err
	}
	node.change(fileChange{offset: 0})
	return &memFile{fs: m, node: node, name: name, writable: true}, nil
}

// createLocked gives the file of a name, made if need be.
func (m *Mem) createLocked(op, name string) (*memNode, error) {
	d, base := m.dirs[filepath.Dir(name)], filepath.Base(name)
	if d == nil {
		return nil, notExist(op, name)
	}
	if d.entries[base] == nil {
		d.change(dirChange{name: base, node: new(memNode)})
	}
	return d.entries[base], nil
}

// Open opens a file for reading.
func (m *Mem) Open(name string) (File, error) { return m.open(name, false) }

// OpenWrite opens an existing file for reading and writing.
func (m *Mem) OpenWrite(name string) (File, error) { return m.open(name, true) }

func (m *Mem) open(name string, writable bool) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dirs[filepath.Clean(name)] != nil {
		return nil, notRegular(name, fs.ModeDir)
	}
	d, base := m.dirs[filepath.Dir(name)], filepath.Base(name)
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
	return m.mkdirLocked(filepath.Clean(dir))
}

func (m *Mem) mkdirLocked(dir string) error {
	if m.dirs[dir] != nil {
		return nil
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := m.mkdirLocked(parent); err != nil {
			return err
		}
		if m.dirs[parent].entries[filepath.Base(dir)] != nil {
			return notDirectory("mkdir", dir)
		}
	}
	m.dirs[dir] = &memDir{entries: map[string]*memNode{}, durable: map[string]*memNode{}}
	return nil
}

// List gives the names of a directory's files and directories.
func (m *Mem) List(dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir = filepath.Clean(dir)
	d := m.dirs[dir]
	if parent := m.dirs[filepath.Dir(dir)]; d == nil && parent != nil && parent.entries[filepath.Base(dir)] != nil {
		return nil, notDirectory("list", dir)
	}
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
