package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/backup"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/transfer"
	"github.com/umadb-go/umadb/internal/vfs"
)

// pull imports from a server.
func (o *importOptions) pull(ctx context.Context, cmd *cobra.Command) error {
	from, err := openUntil(ctx, func() (*client.Client, error) {
		return o.auth.dial(cmd.Flags(), o.from, "set another address with --from")
	})
	if err != nil {
		return err
	}
	defer from.Close()
	// An invalid key must not leave a new store.
	if _, err := from.Head(ctx); err != nil {
		return asInterrupted(ctx, err)
	}
	i := newImporting(cmd)
	if o.follow {
		marked, err := store.IsStandby(vfs.OS{}, o.dir)
		if err == nil {
			err = o.followCommits(ctx, from, i)
		}
		if marked || !errors.Is(err, errCompare) {
			return o.finish(cmd, i, err)
		}
		fmt.Fprintf(i.stderr, "umadb: %v\n", err)
	}
	tracking, err := serverTracking(ctx, from, o.sources, i.stderr)
	if err != nil {
		return asInterrupted(ctx, err)
	}
	return o.importInto(ctx, cmd, i, func(to *store.Store) error {
		observer := &pullNotices{stderr: i.stderr}
		if !o.follow {
			n, err := transfer.Pull(ctx, to, from, tracking, observer)
			i.tracking += n
			return asInterrupted(ctx, err)
		}
		n, err := transfer.Follow(ctx, to, from, tracking, observer)
		i.tracking += n
		if ctx.Err() != nil {
			return nil // an interruption is the regular end of following
		}
		return err
	})
}

// errCompare is returned if the commits of a server cannot be copied as they are stored.
var errCompare = errors.New("all events are compared")

// followCommits copies the commits of a server as they are stored, if the directory is new or a
// copy of the start of its log. If that is impossible, the error is errCompare.
func (o *importOptions) followCommits(ctx context.Context, from *client.Client, i *importing) error {
	source := serverSource{Client: from, remedy: "use umadb import without --follow"}
	// The server sends nothing after a group that it does not have.
	err := backup.Probe(ctx, source, eventlog.GroupID{Index: math.MaxUint64})
	switch {
	case errors.Is(err, dcb.ErrIntegrity):
	case errors.Is(err, errNoGroups):
		return fmt.Errorf("the server does not send its log, because it is another program or an older version: %w", errCompare)
	case errors.Is(err, dcb.ErrAuthentication):
		return fmt.Errorf("the server does not send its log, because the key does not have the right admin: %w", errCompare)
	case err != nil:
		return asInterrupted(ctx, err)
	}
	to, err := openUntil(ctx, func() (*backup.DirectoryTarget, error) { return backup.OpenTarget(vfs.OS{}, o.dir) })
	if err != nil {
		return explainOpen(err, o.dir)
	}
	otherLog := fmt.Errorf("%s has not the same commits as the server: %w", o.dir, errCompare)
	if to.Tail().Index == 0 && to.ID() != (eventlog.StoreID{}) { // a store in which nothing was committed
		return errors.Join(otherLog, to.Close())
	}
	before := to.Tail().Next - 1
	i.begin(before)
	n := &backupNotices{stderr: i.stderr, bar: newProgress(i.stderr, "importing", "events"), head: i.existing}
	summary, err := backup.Follow(ctx, source, to, &backup.Options{Observer: n})
	n.bar.clear()
	switch {
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		err = nil // an interruption is the regular end of following
	case errors.Is(err, dcb.ErrIntegrity), errors.Is(err, errNoGroups): // the server is another one
		err = otherLog
	}
	err = errors.Join(err, to.Close())
	// After an error of writing, less is durable than was copied.
	if i.imported += to.Durable().Next - 1 - before; to.Durable().Index == summary.Tail.Index {
		i.tracking += summary.Tracking
	}
	return err
}

// pullNotices prints the progress of a copy from a server.
type pullNotices struct {
	stderr io.Writer
	bar    *progress // between Begin and End
	head   uint64    // of the server at Begin
}

// Begin shows a progress bar.
func (n *pullNotices) Begin(head uint64) {
	n.bar, n.head = newProgress(n.stderr, "importing", "events"), head
}

// Progress moves the progress bar.
func (n *pullNotices) Progress(position uint64) { n.bar.show(position, n.head) }

// End removes the progress bar.
func (n *pullNotices) End() { n.bar.clear() }

// CaughtUp prints that the copy is complete for now.
func (n *pullNotices) CaughtUp(position uint64) {
	fmt.Fprintf(n.stderr, "umadb: caught up with the server at position %d; following until Ctrl-C\n", position)
}

// Lost prints why the server cannot be reached.
func (n *pullNotices) Lost(err error) {
	fmt.Fprintf(n.stderr, "umadb: %v; retrying until the server is reachable, or Ctrl-C\n", err)
}

// Reachable prints that the server is reachable again.
func (n *pullNotices) Reachable() { fmt.Fprintln(n.stderr, "umadb: the server is reachable again") }
