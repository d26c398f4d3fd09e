package backup

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/storedir"
	"github.com/umadb-go/umadb/internal/vfs"
)

// DirectoryTarget is a copy in a directory, while it is written.
type DirectoryTarget struct {
	*eventlog.Receiver
	directory   *directory
	headRemoved bool
}

// OpenTarget continues the copy in a directory, or starts one in a directory that is new or
// empty. The copy is locked until Close.
func OpenTarget(fsys vfs.FS, path string) (*DirectoryTarget, error) {
	d, err := openDirectory(fsys, path, false)
	if err != nil {
		return nil, err
	}
	err = d.mustNotBeReplica()
	there := false
	if err == nil {
		there, err = d.has(storedir.LogName)
	}
	if err == nil && !there {
		err = d.mustBeNew("")
	}
	if err == nil {
		err = d.lock(false)
	}
	if err == nil {
		err = d.openLog(storedir.LogName, true)
	}
	t := &DirectoryTarget{directory: d}
	if err == nil {
		t.Receiver, err = eventlog.OpenReceiver(d.log)
		err = asError(err, "opening the copy in "+path)
	}
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	return t, nil
}

// mustNotBeReplica fails for the directory of a server of a shared log. What that has counts as
// decided by the log, and umadb cluster repair appends it.
func (d *directory) mustNotBeReplica() error {
	marked, err := d.has(storedir.SharedName)
	if err == nil && marked {
		err = &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("%s is the directory of a server of a shared log; choose another one, or make it a store of its own with umadb cluster detach", d.path)}
	}
	return err
}

// Write adds a group.
func (t *DirectoryTarget) Write(g *eventlog.Group) error {
	if err := t.removeHead(); err != nil {
		return err
	}
	return t.Receiver.Write(g)
}

// RemoveClose removes a clean-close record.
func (t *DirectoryTarget) RemoveClose(before eventlog.Tail) error {
	if err := t.removeHead(); err != nil {
		return err
	}
	return t.Receiver.RemoveClose(before)
}

// removeHead removes, before the first change, the announcement of a process that had the copy
// open. It may name a group that will be replaced, and no group that will be added. From now on,
// the file of the receiver names what is durable.
func (t *DirectoryTarget) removeHead() error {
	if t.headRemoved {
		return nil
	}
	root := t.directory.root
	err := root.Remove(storedir.HeadName)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = root.Sync()
	}
	t.headRemoved = err == nil
	return asError(err, "removing the announcement of the copy in "+t.directory.path)
}

// Close makes the copy durable and releases it.
func (t *DirectoryTarget) Close() error {
	return asError(errors.Join(t.Receiver.Close(), t.directory.close()), "closing the copy in "+t.directory.path)
}
