package vfs

// Publish syncs a file that was written under a temporary name, renames it to its final
// name, and syncs the directory. After a crash, the name leads to the complete file or to
// the file that had the name before, if any.
func Publish(dir Dir, f File, temporary, name string) error {
	if err := f.Sync(); err != nil {
		return err
	}
	if err := dir.Rename(temporary, name); err != nil {
		return err
	}
	return dir.Sync()
}
