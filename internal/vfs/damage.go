package vfs

import (
	"fmt"
	"io/fs"
)

// CorruptionError is returned when what a file holds cannot be what was written to it.
type CorruptionError struct {
	File   string
	Offset int64 // where in the file the damage was noticed
	What   string
}

func (e *CorruptionError) Error() string {
	return fmt.Sprintf("%s at byte %d: %s", e.File, e.Offset, e.What)
}

// notRegular returns the error for a name that is not that of a regular file.
func notRegular(name string, mode fs.FileMode) error {
	kind := "a device"
	switch mode.Type() {
	case fs.ModeDir:
		kind = "a directory"
	case fs.ModeNamedPipe:
		kind = "a named pipe"
	case fs.ModeSocket:
		kind = "a socket"
	}
	return &CorruptionError{File: name, What: "it is " + kind + " and not a file"}
}
