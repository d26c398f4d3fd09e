package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/transfer"
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
