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

// outputFile is a file that appears under its name only when it is complete.
type outputFile struct {
	*os.File        // in the same directory, under a temporary name
	path     string // the final name
}

// createOutput creates the temporary file for path, which must not exist yet.
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
		return fmt.Errorf("%s already exists: name another file, or remove it first", path)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// commit syncs the file and renames it to its final name.
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

// discard removes the temporary file.
func (o *outputFile) discard() {
	o.Close()
	os.Remove(o.Name())
}

// writeOutput calls write with a new file, or with standard output if path is empty.
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
