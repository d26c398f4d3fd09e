package cli

import (
	"context"
	"errors"
	"io"
	"iter"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/admin"
	"github.com/umadb-go/umadb/internal/backup"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// backupSource is a store to copy.
type backupSource interface {
	backup.Backup
	io.Closer
}

// serverSource is the store of a server.
type serverSource struct {
	*client.Client
	remedy string                   // if the server cannot send its log
	onHead func(group, head uint64) // that of admin.Client
}

// errNoGroups is the cause of the error for a server that cannot send its log.
var errNoGroups = errors.New("the server does not know the call")

// Groups implements backup.Source.
func (s serverSource) Groups(ctx context.Context, after eventlog.GroupID, follow bool) iter.Seq2[eventlog.Group, error] {
	c := admin.NewClient(s.Client)
	c.OnHead = s.onHead
	return func(yield func(eventlog.Group, error) bool) {
		for g, err := range c.LogGroups(ctx, after, follow) {
			if admin.IsMissing(err) {
				err = &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "the server has no admin service: it is another program or an older version; " + s.remedy, Cause: errNoGroups} // not a lost connection
			}
			if !yield(g, err) || err != nil {
				return
			}
		}
	}
}

// Head returns the position of the last event. Unlike Client.Head it asks no engine of a shared
// log, without which a backup can be made.
func (s serverSource) Head(ctx context.Context) (head uint64, err error) {
	s.onHead = func(_, position uint64) { head = position }
	err = backup.Probe(ctx, s, eventlog.GroupID{})
	return head, err
}

func (o *backupOptions) open(cmd *cobra.Command) (backupSource, error) {
	if !cmd.Flags().Changed("db-path") {
		c, err := o.target.auth.dial(cmd.Flags(), o.target.url, startServerRemedy)
		return sourceOrNil(serverSource{Client: c, remedy: "use umadb export"}, err)
	}
	if !o.follow {
		s, err := backup.OpenSource(vfs.OS{}, o.target.dir)
		if _, locked := lockedByOther(err); !locked {
			return sourceOrNil(s, explainOpen(err, o.target.dir))
		}
	}
	// Another process has the store open, or may open it meanwhile.
	options := store.Options{ReadOnly: true, MustExist: true, Logger: newNotices(cmd.ErrOrStderr()), CacheBytes: copyCacheBytes, BlockEvents: copyBlockEvents}
	return sourceOrNil(openDir(o.target.dir, &options))
}

// sourceOrNil returns a nil interface instead of one with a nil pointer if there is an error.
func sourceOrNil[S backupSource](s S, err error) (backupSource, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// isInside reports whether a path, which need not exist, is in a directory or a directory in
// it.
func isInside(path, dir string) bool {
	resolved, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return false // there is no such directory
	}
	for path = filepath.Clean(path); ; path = filepath.Dir(path) {
		if at, err := filepath.EvalSymlinks(path); err == nil {
			path = at
			break
		}
		if path == filepath.Dir(path) {
			return false
		}
	}
	from, errFrom := filepath.Abs(resolved)
	to, errTo := filepath.Abs(path)
	relative, err := filepath.Rel(from, to)
	return errors.Join(errFrom, errTo, err) == nil && filepath.IsLocal(relative)
}
