package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/internal/store"
)

// importOptions are the flags of import.
type importOptions struct {
	dir     string
	from    string
	auth    auth
	follow  bool
	sources []string
	asJSON  bool
}

func newImportCommand() *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use:   "import [FILE]",
		Short: "Make a store of an export, or copy one from a server",
		Long: `import writes the events of an export into the store of a directory, with their
positions, UUIDs, metadata and tracking: from a file or standard input, compressed
or not, or with --from straight from a server, the UmaDB server of others
included. No server may have the directory open.

What is in the store already is compared with the source. If it is the beginning
of the source, import goes on behind it: the same command may be run again after
whatever stopped it. Otherwise it is an error, and nothing is written. Tracking
that the store has and the source has not is an error too; of an export that can
be seen at its end only, when events before may have been written.

A server cannot list its tracking sources. Tracking that sits on events comes with
them, and that which may sit on none comes for each --tracking-source.

With --follow it goes on with what is appended to the server, until Ctrl-C. After
a break of the connection, everything is compared again.`,
		Example: `  umadb import events.ndjson.zst
  umadb export --db-path ./uma.db | umadb import --db-path ./copy.db
  umadb import --from http://127.0.0.1:50051 --db-path ./copy.db --tracking-source upstream --follow`,
		ValidArgsFunction: completeFiles,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageErrorf("%q takes one FILE, and there are %d; import one after the other", cmd.CommandPath(), len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.validate(cmd, args); err != nil {
				return err
			}
			defer lean()()
			ctx, stop := untilSignal(cmd)
			defer stop()
			if o.from != "" {
				return o.pull(ctx, cmd)
			}
			return o.importFile(ctx, cmd, args)
		},
	}
	f := cmd.Flags()
	addPathFlag(f, &o.dir)
	f.StringVar(&o.from, "from", "", "`address` of a server to copy from: http://host:port, or https:// with TLS")
	o.auth.addFlags(f)
	f.BoolVar(&o.follow, "follow", false, "go on with what is appended to the server, until Ctrl-C")
	f.StringArrayVar(&o.sources, "tracking-source", nil, "`name` of a tracking source whose position may sit on no event; may be repeated")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object that tells what was done")
	perCall(f, "from", "follow", "tracking-source")
	return cmd
}

func (o *importOptions) validate(cmd *cobra.Command, args []string) error {
	flags := cmd.Flags()
	switch {
	case o.dir == "":
		return errEmptyPath
	case o.from == "" && flags.Changed("from"):
		return usageErrorf("--from is empty: name the server as http://host:port")
	case o.from != "" && len(args) > 0:
		return usageErrorf("%s and --from are both given: import from the file or from the server", args[0])
	case o.from == "" && o.follow:
		return usageErrorf("--follow is given without --from: only a server can be followed")
	case o.from == "" && len(o.sources) > 0:
		return usageErrorf("--tracking-source is given without --from: an export has its tracking in it, so give the flag to umadb export")
	case o.from == "" && isStandardInput(args) && isTerminal(cmd.InOrStdin()):
		return usageErrorf("there is nothing to import: name a file, pipe an export into the command, or name a server with --from")
	}
	return nil
}

func isStandardInput(args []string) bool { return len(args) == 0 || args[0] == "-" }

// importFile imports a file or standard input.
func (o *importOptions) importFile(ctx context.Context, cmd *cobra.Command, args []string) error {
	in := cmd.InOrStdin()
	if !isStandardInput(args) {
		file, err := os.Open(args[0])
		if err != nil {
			return cannotOpen(err)
		}
		defer file.Close()
		in = file
	}
	lines, err := newExportReader(interruptible(ctx, in))
	if err == nil {
		err = lines.prime() // what is no export should leave no new store behind
	}
	if err != nil {
		return asInterrupted(ctx, err)
	}
	return o.into(ctx, cmd, func(to *store.Store, i *importing) error {
		owed, err := allTracking(ctx, to)
		if err != nil {
			return asInterrupted(ctx, err)
		}
		p := newProgress(i.stderr, "importing", "events")
		defer p.clear()
		r := &restorer{to: to, owed: owed, show: func(done uint64) { p.show(done, 0) }}
		i.tracking, err = r.restore(ctx, lines.records)
		return asInterrupted(ctx, err)
	})
}

// cannotOpen says it in one line, whatever the file's name.
func cannotOpen(err error) error {
	var failed *os.PathError
	if errors.As(err, &failed) {
		return fmt.Errorf("%s cannot be opened: %w", word(failed.Path), failed.Err)
	}
	return err
}

// asInterrupted gives a plain error for what a signal has ended.
func asInterrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return errInterrupted
	}
	return err
}

// importing is an import under way.
type importing struct {
	existing uint64 // events that were there
	imported uint64 // events
	tracking uint64 // positions of sources that sit on no event
	stderr   io.Writer
}

// into opens the store, has something imported, closes it, and tells what was done.
func (o *importOptions) into(ctx context.Context, cmd *cobra.Command, do func(*store.Store, *importing) error) error {
	to, err := openUntil(ctx, func() (*store.Store, error) { return openDir(o.dir, leanStore(newNotices(cmd.ErrOrStderr()))) })
	if err != nil {
		return err
	}
	i := &importing{stderr: cmd.ErrOrStderr()}
	begun := time.Now()
	err = i.count(to, func() error { return do(to, i) })
	took := time.Since(begun)
	if err = errors.Join(err, to.Close()); err != nil {
		return o.explain(err, i)
	}
	fmt.Fprintf(i.stderr, "umadb: %s there already, imported %s in %s\n", plural(i.existing, "event"), i.done(), pace(i.imported, took))
	if !o.asJSON {
		return nil
	}
	return writeJSON(cmd.OutOrStdout(), imported{i.existing, i.imported, i.tracking, i.existing + i.imported, took.Seconds()})
}

// count counts the events that something adds to a store.
func (i *importing) count(to *store.Store, do func() error) (err error) {
	ctx := context.Background() // what was done is told after an interruption too
	if i.existing, err = to.Head(ctx); err != nil {
		return err
	}
	err = do()
	head, headErr := to.Head(ctx)
	if headErr == nil {
		i.imported = head - i.existing
	}
	return errors.Join(err, headErr)
}

// imported is what import prints with --json.
type imported struct {
	Existing uint64  `json:"existing"` // events that were there
	Imported uint64  `json:"imported"` // events
	Tracking uint64  `json:"tracking"` // positions of sources, on no event
	Head     uint64  `json:"head"`
	Seconds  float64 `json:"seconds"`
}

// done says what was written.
func (i *importing) done() string {
	text := plural(i.imported, "event")
	if i.tracking > 0 {
		text += " and " + plural(i.tracking, "tracking position")
	}
	return text
}

// explain says what an import that failed has done, and whether it can go on.
func (o *importOptions) explain(err error, i *importing) error {
	nothing := i.imported+i.tracking == 0
	switch {
	case nothing && unsound(err):
		return fmt.Errorf("%w; nothing was added", err)
	case nothing:
		return err
	case unsound(err):
		return fmt.Errorf("%w; before that was seen, it added %s", err, i.done())
	}
	behind := "the same command goes on behind it"
	if o.from == "" {
		behind = "with a whole export " + behind
	}
	return fmt.Errorf("%w; what came before that is imported and safe (%s), and %s", err, i.done(), behind)
}
