package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/umadb-go/umadb/internal/vfs"
)

// outputFile is a file that comes to be whole or not at all.
type outputFile struct {
	*os.File        // beside it, under a temporary name
	path     string // its name to be
}

// createOutput begins a file that must not exist yet.
func createOutput(path string) (*outputFile, error) {
	if err := mustBeNew(path); err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.part")
	if err != nil {
		return nil, err
	}
	return &outputFile{file, path}, nil
}

func mustBeNew(path string) error {
	_, err := os.Lstat(path)
	if err == nil {
		return fmt.Errorf("%s exists already: name another file, or remove it first", path)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// commit makes the file durable, and gives it its name.
func (o *outputFile) commit() error {
	if err := o.Sync(); err != nil {
		return err
	}
	if err := o.Close(); err != nil {
		return err
	}
	if err := mustBeNew(o.path); err != nil {
		return err
	}
	if err := os.Rename(o.Name(), o.path); err != nil {
		return err
	}
	return vfs.OS{}.SyncDir(filepath.Dir(o.path))
}

// discard removes what was not committed.
func (o *outputFile) discard() {
	o.Close()
	os.Remove(o.Name())
}

// writeOutput has something written to a file, or to standard output if path is
// empty.
func writeOutput(path string, stdout io.Writer, write func(io.Writer) error) error {
	if path == "" {
		return write(stdout)
	}
	file, err := createOutput(path)
	if err != nil {
		return err
	}
	err = write(file)
	if err == nil {
		err = file.commit()
	}
	if err != nil {
		file.discard()
	}
	return err
}
