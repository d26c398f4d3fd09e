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

// readKeys reads the file of the API keys. If it does not exist, readKeys returns nil if it
// may be missing, and otherwise an error.
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
	for {
		err := editKeysOnce(file, mayBeMissing, edit)
		if !errors.Is(err, errCreated) {
			return err
		}
	}
}

// errCreated is returned when a file was to be created, but another process has created it.
var errCreated = errors.New("the file exists by now")

func editKeysOnce(file string, mayBeMissing bool, edit func([]byte) ([]byte, error)) error {
	if target, err := filepath.EvalSymlinks(file); err == nil {
		file = target // a link to the file stays one
	}
	unlock, err := lockFile(file)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return usageErrorf("cannot lock the file of the API keys: %w", err)
	}
	defer unlock()
	content, err := readKeys(file, mayBeMissing)
	if err != nil {
		return err
	}
	if missing && content != nil {
		return errCreated // and not locked
	}
	if _, err := keyfile.Parse(content); err != nil {
		return usageErrorf("%s:%w", file, err)
	}
	edited, err := edit(content)
	if err != nil {
		return usageErrorf("%s: %w; it is unchanged", file, err)
	}
	write := replaceFile
	if content == nil {
		write = createFile // there was no file to lock
	}
	if err := write(file, edited); err != nil {
		return fmt.Errorf("cannot write the file of the API keys: %w", err)
	}
	return nil
}

// replaceFile writes a file under a temporary name, syncs it, and renames it. The file is
// accessible for its owner only; one that exists keeps its mode and its owner, so that a
// server that runs as another user can still read it.
func replaceFile(name string, content []byte) error { return publishFile(name, content, os.Rename) }

// createFile writes a new file as replaceFile does. If the file exists, the error is errCreated.
func createFile(name string, content []byte) error {
	return publishFile(name, content, func(temporary, name string) error {
		err := os.Link(temporary, name)
		if _, missing := os.Stat(name); errors.Is(err, fs.ErrExist) && missing == nil {
			return errCreated
		}
		if err != nil { // a file system without hard links, or a link to a file that is missing
			return os.Rename(temporary, name)
		}
		return nil
	})
}

// publishFile writes a file under a temporary name, syncs it, and publishes it under its name.
func publishFile(name string, content []byte, publish func(temporary, name string) error) error {
	temporary, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name()) // fails after a renaming
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
	if err := publish(temporary.Name(), name); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(name)) // a loss of power must not bring a revoked key back
}
