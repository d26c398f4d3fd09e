package vfs

// Publish makes a file that was written under a temporary name durable, gives it its name,
// and makes that durable too. After a crash the name leads to the whole file or to what it
// led to before.
func Publish(dir Dir, f File, temporary, name string) error {
	if err := f.Sync(); err != nil {
		return err
	}
	if err := dir.Rename(temporary, name); err != nil {
		return err
	}
	return dir.Sync()
}
