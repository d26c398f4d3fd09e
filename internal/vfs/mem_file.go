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
	if offset >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[offset:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(p []byte, offset int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.changeLocked(fileChange{offset: offset, bytes: append(make([]byte, 0, len(p)), p...)}); err != nil {
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
	return f.changeLocked(fileChange{offset: max(offset+size, int64(len(f.node.data)))})
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
	n.data = c.apply(n.data, nil)
	n.pending = append(n.pending, c)
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
	return int64(len(f.node.data)), f.openLocked("size")
}

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
