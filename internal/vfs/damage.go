package vfs

import "fmt"

// DamageError is returned when what a file holds cannot be what was written to it.
type DamageError struct {
	File   string
	Offset int64 // where in the file the damage was noticed
	What   string
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("%s at byte %d: %s", e.File, e.Offset, e.What)
}
