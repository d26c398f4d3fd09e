package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/internal/ndjson"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/transfer"
)

// A copy reads or writes a store once, from its start to its end, perhaps beside a server
// that needs the memory. So its store has a small cache and small head blocks. bench/copying
// measures the memory of both commands.
const (
	copyCacheBytes  = 2 << 20
	copyBlockEvents = 16 << 10
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
		Short: "Import an export into a store, or copy a store from a server",
		Long: `import writes the events of an export into the store in a directory, with their
positions, UUIDs, metadata and tracking. It reads a file or standard input, compressed
or not. With --from it copies from a server instead, which may be the Rust server.
No server may have the directory open.

Events that are in the store already are compared with the source. If they are a
prefix of the source, import continues after them, so that the same command can be
run again after an interruption. Otherwise it fails and writes nothing. It also fails
if the store has tracking that the source does not have. In an export, this is known
only at the end, when events may have been written already.

Tracking of events is copied with them, and tracking-only records of the sources that
the server lists. A server that is another program or an older version, or whose key has
not the right admin, does not list them: their records are then copied only for each
--tracking-source.

With --follow, import also copies new events as they are appended to the server,
until Ctrl-C. If the server sends its log, which requires the right admin, into a directory
that is new, or is a copy of that log, the commits are copied as they are stored, and
nothing is compared but the chain of the last one: the copy has the store ID of the server.
Otherwise it compares all events when it starts and after each loss of the connection.
umadb serve --standby-of also follows a server, and serves reads.`,
		Example: `  umadb import events.ndjson.zst
  umadb export --db-path ./uma.db | umadb import --db-path ./copy.db
  umadb import --from http://127.0.0.1:50051 --db-path ./copy.db --tracking-source upstream --follow`,
		ValidArgsFunction: completeFiles,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageErrorf("%q takes one FILE, not %d: import them one by one", cmd.CommandPath(), len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.validate(cmd, args); err != nil {
				return err
			}
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
	f.StringVar(&o.from, "from", "", "`address` of a server to copy from: http://host:port, or https://host:port for TLS")
	o.auth.addFlags(f)
	f.BoolVar(&o.follow, "follow", false, "copy new events as they are appended to the server, until Ctrl-C")
	f.StringArrayVar(&o.sources, "tracking-source", nil, "`name` of a tracking source, if the server does not list them; repeat for more")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object")
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
		return usageErrorf("%s and --from are both given: use only one", args[0])
	case o.from == "" && o.follow:
		return usageErrorf("--follow requires --from: only a server can be followed")
	case o.from == "" && len(o.sources) > 0:
		return usageErrorf("--tracking-source requires --from: an export contains its tracking, so use the flag with umadb export")
	case o.from == "" && isStandardInput(args) && isTerminal(cmd.InOrStdin()):
		return usageErrorf("there is nothing to import: name a file, pipe an export to standard input, or name a server with --from")
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
			return openError(err)
		}
		defer file.Close()
		in = file
	}
	export, err := transfer.NewReader(interruptible(ctx, in)) // invalid input must not leave a new store
	if err != nil {
		return asInterrupted(ctx, err)
	}
	i := newImporting(cmd)
	return o.importInto(ctx, cmd, i, func(to *store.Store) (err error) {
		p := newProgress(i.stderr, "importing", "events")
		defer p.clear()
		i.tracking, err = transfer.Import(ctx, to, export, func(done uint64) { p.show(done, 0) })
		return asInterrupted(ctx, err)
	})
}

// openError returns an error for a file that cannot be opened, on one line whatever its name is.
func openError(err error) error {
	var failed *os.PathError
	if errors.As(err, &failed) {
		return fmt.Errorf("cannot open %s: %w", word(failed.Path), failed.Err)
	}
	return err
}

// importing is an import in progress.
type importing struct {
	start    time.Time
	counted  bool   // existing is known
	existing uint64 // number of events before the import
	imported uint64 // number of events
	tracking uint64 // number of tracking-only records
	stderr   io.Writer
}

func newImporting(cmd *cobra.Command) *importing {
	return &importing{start: time.Now(), stderr: cmd.ErrOrStderr()}
}

// begin notes how many events there are before the import.
func (i *importing) begin(existing uint64) {
	if !i.counted {
		i.counted, i.existing = true, existing
	}
}

// importInto opens the store, calls do, closes the store, and prints a summary.
func (o *importOptions) importInto(ctx context.Context, cmd *cobra.Command, i *importing, do func(*store.Store) error) error {
	options := &store.Options{Logger: newNotices(cmd.ErrOrStderr()), CacheBytes: copyCacheBytes, BlockEvents: copyBlockEvents}
	to, err := openUntil(ctx, func() (*store.Store, error) { return openDir(o.dir, options) })
	if err != nil {
		return err
	}
	err = i.count(to, func() error { return do(to) })
	return o.finish(cmd, i, errors.Join(err, to.Close()))
}

// finish prints a summary, or adds what was written to an error.
func (o *importOptions) finish(cmd *cobra.Command, i *importing, err error) error {
	if err != nil {
		return o.explain(err, i)
	}
	took := time.Since(i.start)
	fmt.Fprintf(i.stderr, "umadb: %s, imported %s in %s\n", plural(i.existing, "existing event"), i.summary(), pace(i.imported, took))
	if !o.asJSON {
		return nil
	}
	return ndjson.Write(cmd.OutOrStdout(), imported{i.existing, i.imported, i.tracking, i.existing + i.imported, took.Seconds()})
}

// count calls do and counts the events that it adds to the store.
func (i *importing) count(to *store.Store, do func() error) error {
	ctx := context.Background() // the summary is printed after an interruption too
	before, err := to.Head(ctx)
	if err != nil {
		return err
	}
	i.begin(before)
	err = do()
	head, headErr := to.Head(ctx)
	if headErr == nil {
		i.imported += head - before
	}
	return errors.Join(err, headErr)
}

// imported is the JSON output of import.
type imported struct {
	Existing uint64  `json:"existing"` // number of events before the import
	Imported uint64  `json:"imported"` // number of events
	Tracking uint64  `json:"tracking"` // number of tracking-only records
	Head     uint64  `json:"head"`
	Seconds  float64 `json:"seconds"`
}

// summary describes what was written.
func (i *importing) summary() string {
	text := plural(i.imported, "event")
	if i.tracking > 0 {
		text += " and " + plural(i.tracking, "tracking position")
	}
	return text
}

// explain adds to the error of an import what was written, and how to continue.
func (o *importOptions) explain(err error, i *importing) error {
	nothing := i.imported+i.tracking == 0
	switch {
	case nothing && transfer.IsSourceInvalid(err):
		return fmt.Errorf("%w; nothing was added", err)
	case nothing:
		return err
	case transfer.IsSourceInvalid(err):
		return fmt.Errorf("%w; added before the error was detected: %s", err, i.summary())
	}
	next := "run the same command again to continue"
	if o.from == "" {
		next = "run the same command with the complete export to continue"
	}
	return fmt.Errorf("%w; imported and durable: %s; %s", err, i.summary(), next)
}
