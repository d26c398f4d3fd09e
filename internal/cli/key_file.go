package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/umadb-go/umadb/internal/keyfile"
	"github.com/umadb-go/umadb/internal/settingfile"
)

// readKeys reads the file of the API keys. If it does not exist, readKeys returns an empty
// file if it may be missing, and otherwise an error.
func readKeys(file string, mayBeMissing bool) ([]byte, error) {
	if file == "" {
		return nil, usageErrorf("--file is empty: name the file of the API keys")
	}
	content, err := settingfile.Read(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && mayBeMissing:
		return nil, nil
	case err != nil:
		return nil, usageErrorf("cannot read the file of the API keys: %w; name another with --file or %s", err, keysVariable)
	}
	return content, nil
}

// editKeys replaces the file of the API keys by what edit returns for its content. The
// server finds the old or the new content, and never a part.
func editKeys(file string, mayBeMissing bool, edit func([]byte) ([]byte, error)) error {
	if target, err := filepath.EvalSymlinks(file); err == nil {
		file = target // a link to the file stays one
	}
	unlock, err := lockFile(file)
	if err != nil {
		return usageErrorf("cannot lock the file of the API keys: %w", err)
	}
	defer unlock()
	content, err := readKeys(file, mayBeMissing)
	if err != nil {
		return err
	}
	if _, err := keyfile.Parse(content); err != nil {
		return usageErrorf("%s:%w", file, err)
	}
	edited, err := edit(content)
	if err != nil {
		return usageErrorf("%s: %w; it is unchanged", file, err)
	}
	if err := replaceFile(file, edited); err != nil {
		return fmt.Errorf("cannot write the file of the API keys: %w", err)
	}
	return nil
}

// replaceFile writes a file under a temporary name, syncs it, and renames it. The file is
// accessible for its owner only; one that exists keeps its mode and its owner, so that a
// server that runs as another user can still read it.
func replaceFile(name string, content []byte) error {
	temporary, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name()) // fails after the renaming
	if info, err := os.Stat(name); err == nil {
		if err := errors.Join(keepOwner(temporary, info), temporary.Chmod(info.Mode().Perm())); err != nil {
			temporary.Close()
			return err
		}
	}
	_, err = temporary.Write(content)
	if err == nil {
		err = temporary.Sync()
	}
	if err := errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	if err := os.Rename(temporary.Name(), name); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(name)) // a loss of power must not bring a revoked key back
}
