package store

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/storedir"
	"github.com/umadb-go/umadb/internal/vfs"
)

// SharedOrigin returns the store and the last group of a directory, at which a shared log can
// start. It opens the store, which must not be open, and closes it.
func SharedOrigin(dir string, options *Options) (id sharedlog.ID, end sharedlog.Point, err error) {
	own := options.withDefaults()
	own.MustExist = true
	s, err := Open(dir, &own)
	if err != nil {
		return id, end, err
	}
	if err := s.Close(); err != nil { // it ends with a clean-close record now
		return id, end, err
	}
	s = newStore(checking, dir, &own)
	if err := s.openDirectory(true); err != nil {
		return id, end, errors.Join(err, s.files.close())
	}
	defer func() { err = errors.Join(err, s.files.close()) }()
	log, _, _, err := eventlog.Open(s.files.log, eventlog.Options{ReadOnly: true})
	if err != nil {
		return id, end, storeError(err, "opening the log of "+dir)
	}
	id, end = sharedlog.ID(log.ID()), sharedlog.Point(log.OpenedTail().ID())
	return id, end, storeError(log.Close(nil, nil), "closing the log of "+dir)
}

// Detachment is the result of Detach.
type Detachment struct {
	Log  sharedlog.ID // the shared log; zero if the mark was invalid
	Head uint64       // position of the last event
}

// Detach makes the directory of a replica that is not open an ordinary store. What it has not
// received from the shared log is missing in it.
func Detach(dir string, options *Options) (d *Detachment, err error) {
	s := newStore(repairing, dir, options)
	if err := s.openDirectory(true); err != nil {
		return nil, errors.Join(err, s.files.close())
	}
	defer func() { err = errors.Join(err, s.files.close()) }()
	m, marked, err := readSharedMark(s.files.root)
	if err != nil {
		return nil, storeError(err, "reading the mark of the shared log")
	}
	if !marked {
		return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("%s is not a replica of a shared log: umadb serve can open it", s.dir)}
	}
	// As the log of a copy, because what a replica would cut can no longer be fetched again.
	receiver, err := eventlog.OpenReceiver(s.files.log)
	if err != nil {
		return nil, storeError(err, "opening the log of "+s.dir)
	}
	d = &Detachment{Log: m.log, Head: receiver.Tail().Next - 1}
	if err := receiver.Close(); err != nil {
		return nil, storeError(err, "making the log of "+s.dir+" durable")
	}
	// What is announced was durable in the shared log, perhaps not here.
	if err := s.files.root.Remove(headName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, storeError(err, "removing the announced head")
	}
	return d, storeError(vfs.RemoveFile(s.files.root, storedir.SharedName), "removing the mark of the shared log")
}
