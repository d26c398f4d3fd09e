package backup

import (
	"context"
	"errors"
	"io"
	"iter"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/storedir"
	"github.com/umadb-go/umadb/internal/vfs"
)

// DirectorySource is a store in a directory that no process has open.
type DirectorySource struct {
	directory *directory
	log       *eventlog.Log
}

// OpenSource opens the store in a directory, and changes nothing in it.
func OpenSource(fsys vfs.FS, path string) (*DirectorySource, error) {
	d, err := openDirectory(fsys, path, true)
	if err != nil {
		return nil, err
	}
	there, err := d.has(storedir.LogName)
	if err == nil && !there {
		err = &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: path + " contains no store"}
	}
	if err == nil {
		err = d.lock(true)
	}
	if err == nil {
		err = d.openLog(storedir.LogName, false)
	}
	s := &DirectorySource{directory: d}
	if err == nil {
		s.log, _, _, err = eventlog.Open(d.log, eventlog.Options{ReadOnly: true})
		err = asError(err, "opening the log of "+path)
	}
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	return s, nil
}

// Head returns the position of the last event, 0 if there is none.
func (s *DirectorySource) Head(context.Context) (uint64, error) {
	return s.log.OpenedTail().Next - 1, nil
}

// Tail returns the state of the log after its last group.
func (s *DirectorySource) Tail() eventlog.Tail { return s.log.OpenedTail() }

// Groups implements Source. It cannot follow: there is no writer. If the log ends with
// corruption, the error is the last value that it yields.
func (s *DirectorySource) Groups(ctx context.Context, after eventlog.GroupID, _ bool) iter.Seq2[eventlog.Group, error] {
	return func(yield func(eventlog.Group, error) bool) {
		last := s.log.OpenedTail().Index
		r, err := s.log.ReaderAfter(after, last, ctx.Err)
		for err == nil {
			var g eventlog.Group
			if g, err = r.Next(last); err == nil {
				err = ctx.Err()
			}
			if err == nil && !yield(g, nil) {
				return
			}
		}
		if errors.Is(err, io.EOF) {
			if s.log.Corruption() == nil {
				return
			}
			err = s.log.Corruption()
		}
		if !errors.Is(err, ctx.Err()) {
			err = asError(err, "reading the log of "+s.directory.path)
		}
		yield(eventlog.Group{}, err)
	}
}

// Close releases the directory.
func (s *DirectorySource) Close() error {
	return errors.Join(s.log.Close(nil, nil), s.directory.close())
}
