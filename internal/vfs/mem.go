package vfs

import (
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// Mem is a file system in memory that tracks what is durable, so that Crash can
// simulate a power failure. It is safe for concurrent use.
type Mem struct {
	mu       sync.Mutex // guards everything in the tree
	dirs     map[string]*memDir
	locks    map[any]bool // *memNode and *memDir
	volatile bool
	starts   int // power failures so far
}

// System returns the number of power failures as the start.
func (m *Mem) System() System { return System{Host: "memory", Boot: strconv.Itoa(m.starts)} }

// memDir is a directory: its current entries, the durable ones, and the changes
// from these to those, in order.
type memDir struct {
	entries  map[string]*memNode
	durable  map[string]*memNode
	pending  []dirChange
	volatile bool // nothing is durable, and changes are not recorded
}

// dirChange sets an entry, or deletes it if node is nil. A rename is one change
// of two names.
type dirChange struct {
	name string
	node *memNode
	gone string // a name deleted in the same change, if not empty
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

// memNode is a file: its current bytes, the durable ones, and the changes from these
// to those, in order. A file of a volatile file system has its bytes in sparse instead.
type memNode struct {
	data    []byte
	durable []byte
	pending []fileChange
	sparse  *sparse
}

// fileChange writes bytes at an offset, or sets the length if bytes is nil.
type fileChange struct {
	offset int64
	bytes  []byte
}

// NewMem returns an empty file system.
func NewMem() *Mem {
	return &Mem{dirs: map[string]*memDir{}, locks: map[any]bool{}}
}

// NewVolatileMem returns an empty file system in which nothing is durable: a power failure
// loses everything. Its files take little more memory than the bytes written to them.
func NewVolatileMem() *Mem {
	m := NewMem()
	m.volatile = true
	return m
}

func notExist(op, name string) error {
	return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
}

func notDirectory(op, name string) error {
	return &fs.PathError{Op: op, Path: name, Err: syscall.ENOTDIR}
}

// OpenDir opens the directory at a path.
func (m *Mem) OpenDir(path string) (Dir, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, err := m.findLocked("open", path)
	if err != nil {
		return nil, err
	}
	return &openMemDir{fs: m, dir: d, path: path}, nil
}

// findLocked returns the directory at a path.
func (m *Mem) findLocked(op, path string) (*memDir, error) {
	path = filepath.Clean(path)
	if d := m.dirs[path]; d != nil {
		return d, nil
	}
	for at := path; filepath.Dir(at) != at; at = filepath.Dir(at) {
		if parent := m.dirs[filepath.Dir(at)]; parent != nil && parent.entries[filepath.Base(at)] != nil {
			return nil, notDirectory(op, path)
		}
	}
	return nil, notExist(op, path)
}

// MkdirAll creates a directory and its missing parents. Directories are durable at
// once.
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
	m.dirs[dir] = &memDir{entries: map[string]*memNode{}, durable: map[string]*memNode{}, volatile: m.volatile}
	return nil
}

// MoveDir moves a directory with its entries to another path, as another process
// can do while the directory is open.
func (m *Mem) MoveDir(from, to string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for path, d := range maps.Clone(m.dirs) {
		if path == from || strings.HasPrefix(path, from+"/") {
			delete(m.dirs, path)
			m.dirs[to+strings.TrimPrefix(path, from)] = d
		}
	}
}

// TotalBytes returns the total length of all files.
func (m *Mem) TotalBytes() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	total := int64(0)
	for _, d := range m.dirs {
		for _, node := range d.entries {
			total += node.size()
		}
	}
	return total
}

// Files returns the paths of all files, in order.
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
