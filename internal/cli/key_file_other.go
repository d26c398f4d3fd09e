//go:build !unix

package cli

import (
	"io/fs"
	"os"
)

// keepOwner does nothing: a file has the permissions of its directory.
func keepOwner(*os.File, fs.FileInfo) error { return nil }

// lockFile does nothing.
func lockFile(string) (unlock func(), err error) { return func() {}, nil }

// syncDirectory does nothing: directories cannot be synced.
func syncDirectory(string) error { return nil }
