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

// CreateFile creates a file that write writes, under a temporary name until it is complete,
// and publishes it. The caller must close the file. If CreateFile fails, it removes what is
// left under the temporary name, as far as that is possible.
func CreateFile(dir Dir, temporary, name string, write func(File) error) (File, error) {
	f, err := dir.Create(temporary)
	if err != nil {
		return nil, err
	}
	if err = write(f); err == nil {
		err = Publish(dir, f, temporary, name)
	}
	if err != nil {
		_ = f.Close() // after the error that counts
		_ = dir.Remove(temporary)
		return nil, err
	}
	return f, nil
}

// WriteFile writes a file as CreateFile does, and closes it.
func WriteFile(dir Dir, temporary, name string, content []byte) error {
	f, err := CreateFile(dir, temporary, name, func(f File) error {
		_, err := f.WriteAt(content, 0)
		return err
	})
	if err != nil {
		return err
	}
	return f.Close()
}

// RemoveFile removes a file, durably.
func RemoveFile(dir Dir, name string) error {
	if err := dir.Remove(name); err != nil {
		return err
	}
	return dir.Sync()
}

// TruncateFile changes the length of a file, durably.
func TruncateFile(f File, size int64) error {
	if err := f.Truncate(size); err != nil {
		return err
	}
	return f.Sync()
}
