package cluster

import (
	"errors"
	"fmt"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/backup"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// Directory is the copy in a directory that no process has open.
type Directory struct {
	*backup.DirectorySource
	// Replica is the identity with which its server reports to the shared log. It is zero if the
	// directory is not that of a server of this log, which then may never have had its groups.
	Replica sharedlog.ID
	// Corrupt is set if the directory has a mark of a server of a shared log that is corrupt.
	Corrupt bool
}

// OpenDirectory opens the copy in a directory, and changes nothing in it. It fails if the
// directory is that of a server of another shared log.
func (h *History) OpenDirectory(fsys vfs.FS, path string) (*Directory, error) {
	source, err := backup.OpenSource(fsys, path)
	if err != nil {
		return nil, err
	}
	log, replica, is, err := store.ReadReplica(fsys, path)
	if err != nil {
		err = &dcb.Error{Kind: dcb.ErrIO, Detail: "reading the mark of the shared log", Cause: err}
	} else if is && log != (sharedlog.ID{}) && log != h.Origin.Log {
		err = &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("the directory %s belongs to the shared log %s, and this is the shared log %s; use the URL of its log", path, log, h.Origin.Log)}
	}
	if err != nil {
		return nil, errors.Join(err, source.Close())
	}
	return &Directory{source, replica, is && log == (sharedlog.ID{})}, nil
}
