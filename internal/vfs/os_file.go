package vfs

import (
	"errors"
	"os"
)

// osFile is an open file of the operating system.
type osFile struct {
	file *os.File
	path string // for messages
}

func (f *osFile) ReadAt(p []byte, offset int64) (int, error) {
	n, err := f.file.ReadAt(p, offset)
	return n, withPath(err, f.path)
}

func (f *osFile) WriteAt(p []byte, offset int64) (int, error) {
	n, err := f.file.WriteAt(p, offset)
	return n, withPath(err, f.path)
}

func (f *osFile) Close() error { return withPath(f.file.Close(), f.path) }

func (f *osFile) Truncate(size int64) error { return withPath(f.file.Truncate(size), f.path) }

func (f *osFile) Size() (int64, error) {
	info, err := f.file.Stat()
	if err != nil {
		return 0, withPath(err, f.path)
	}
	return info.Size(), nil
}

func (f *osFile) Sync() error { return withPath(syncFile(f.file), f.path) }

func (f *osFile) DropCache(offset, size int64) { dropCache(f.file, offset, size) }

func (f *osFile) Allocate(offset, size int64) error {
	if err := allocate(f.file, offset, size); !errors.Is(err, errors.ErrUnsupported) {
		return withPath(err, f.path)
	}
	return writeZeros(f, offset, size)
}

// writeZeros implements Allocate where the file system has no call for it. It does
// not overwrite existing bytes.
func writeZeros(f File, offset, size int64) error {
	have, err := f.Size()
	if err != nil {
		return err
	}
	zeros := make([]byte, 1<<20)
	for at := max(offset, have); at < offset+size; {
		n, err := f.WriteAt(zeros[:min(int64(len(zeros)), offset+size-at)], at)
		if err != nil {
			return err
		}
		at += int64(n)
	}
	return nil
}
