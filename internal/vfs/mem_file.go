package vfs

import (
	"fmt"
	"io"
)

// memFile is an open file of a Mem.
type memFile struct {
	fs       *Mem
	node     *memNode
	name     string
	writable bool
}

func (f *memFile) ReadAt(p []byte, offset int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
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
	return len(p), f.change(fileChange{offset: offset, bytes: append(make([]byte, 0, len(p)), p...)})
}

func (f *memFile) Truncate(size int64) error {
	return f.change(fileChange{offset: size})
}

func (f *memFile) Allocate(offset, size int64) error {
	have, err := f.Size()
	if err != nil || offset+size <= have {
		return err
	}
	return f.change(fileChange{offset: offset + size})
}

func (f *memFile) change(c fileChange) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if !f.writable {
		return fmt.Errorf("write %s: opened for reading", f.name)
	}
	f.node.data = c.apply(f.node.data, nil)
	f.node.pending = append(f.node.pending, c)
	return nil
}

func (f *memFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return int64(len(f.node.data)), nil
}

func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	for _, c := range f.node.pending {
		f.node.durable = c.apply(f.node.durable, nil)
	}
	f.node.pending = nil
	return nil
}

func (f *memFile) Close() error { return nil }
