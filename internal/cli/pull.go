package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/internal/backup"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/ndjson"
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
	if err := warnUnknownSources(ctx, from, o.sources, cmd.ErrOrStderr()); err != nil {
		return asInterrupted(ctx, err)
	}
	if _, err := from.Head(ctx); err != nil {
		return asInterrupted(ctx, err)
	}
	if o.follow {
		switch marked, err := store.IsStandby(vfs.OS{}, o.dir); {
		case err != nil:
			return err
		case marked:
			return o.followCommits(ctx, cmd, from)
		}
	}
	return o.importInto(ctx, cmd, func(to *store.Store, i *importing) (err error) {
		observer := &pullNotices{stderr: i.stderr}
		if !o.follow {
			i.tracking, err = transfer.Pull(ctx, to, from, o.sources, observer)
			return asInterrupted(ctx, err)
		}
		i.tracking, err = transfer.Follow(ctx, to, from, o.sources, observer)
		if ctx.Err() != nil {
			return nil // an interruption is the regular end of following
		}
		return err
	})
}

// followCommits continues the directory of a standby as the standby does, without reads.
func (o *importOptions) followCommits(ctx context.Context, cmd *cobra.Command, from *client.Client) error {
	to, err := openUntil(ctx, func() (*backup.DirectoryTarget, error) { return backup.OpenTarget(vfs.OS{}, o.dir) })
	if err != nil {
		return explainOpen(err, o.dir)
	}
	existing, start := to.Tail().Next-1, time.Now()
	n := &backupNotices{stderr: cmd.ErrOrStderr(), bar: newProgress(cmd.ErrOrStderr(), "importing", "events"), head: existing}
	summary, err := backup.Follow(ctx, serverSource{Client: from}, to, &backup.Options{Observer: n})
	n.bar.clear()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil // an interruption is the regular end of following
	}
	if err = errors.Join(err, to.Close()); err != nil {
		return err
	}
	took := time.Since(start)
	fmt.Fprintf(cmd.ErrOrStderr(), "umadb: %s, imported %s in %s\n", plural(existing, "existing event"), plural(summary.Events, "event"), pace(summary.Events, took))
	if !o.asJSON {
		return nil
	}
	return ndjson.Write(cmd.OutOrStdout(), imported{Existing: existing, Imported: summary.Events, Head: existing + summary.Events, Seconds: took.Seconds()})
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
