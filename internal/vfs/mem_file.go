package vfs

import (
	"fmt"
	"io"
	"io/fs"
)

// memFile is an open file of a Mem.
type memFile struct {
	fs       *Mem
	node     *memNode
	name     string
	writable bool
	closed   bool // guarded by fs.mu
}

func (f *memFile) ReadAt(p []byte, offset int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.openLocked("read"); err != nil {
		return 0, err
	}
	return f.node.readAt(p, offset)
}

func (n *memNode) readAt(p []byte, offset int64) (int, error) {
	if n.sparse != nil {
		return n.sparse.readAt(p, offset)
	}
	if offset >= int64(len(n.data)) {
		return 0, io.EOF
	}
	read := copy(p, n.data[offset:])
	if read < len(p) {
		return read, io.EOF
	}
	return read, nil
}

func (f *memFile) WriteAt(p []byte, offset int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if p == nil {
		p = []byte{} // nil would set the length
	}
	if err := f.changeLocked(fileChange{offset: offset, bytes: p}); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (f *memFile) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return f.changeLocked(fileChange{offset: size})
}

func (f *memFile) Allocate(offset, size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return f.changeLocked(fileChange{offset: max(offset+size, f.node.size())})
}

func (f *memFile) changeLocked(c fileChange) error {
	if err := f.openLocked("write"); err != nil {
		return err
	}
	if !f.writable {
		return fmt.Errorf("write %s: opened for reading", f.name)
	}
	f.node.change(c)
	return nil
}

func (n *memNode) change(c fileChange) {
	switch {
	case n.sparse == nil:
		if c.bytes != nil {
			c.bytes = append(make([]byte, 0, len(c.bytes)), c.bytes...)
		}
		n.data = c.apply(n.data, nil)
		n.pending = append(n.pending, c)
	case c.bytes == nil:
		n.sparse.truncate(c.offset)
	default:
		n.sparse.writeAt(c.bytes, c.offset)
	}
}

func (n *memNode) size() int64 {
	if n.sparse != nil {
		return n.sparse.size
	}
	return int64(len(n.data))
}

// openLocked returns an error if the file was closed.
func (f *memFile) openLocked(op string) error {
	if f.closed {
		return &fs.PathError{Op: op, Path: f.name, Err: fs.ErrClosed}
	}
	return nil
}

func (f *memFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return f.node.size(), f.openLocked("size")
}

// DropCache has no effect: there is no cache.
func (f *memFile) DropCache(int64, int64) {}

func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.openLocked("sync"); err != nil {
		return err
	}
	for _, c := range f.node.pending {
		f.node.durable = c.apply(f.node.durable, nil)
	}
	f.node.pending = nil
	return nil
}

func (f *memFile) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	err := f.openLocked("close")
	f.closed = true
	return err
}
