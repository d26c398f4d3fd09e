package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventtable"
	"github.com/umadb-go/umadb/internal/selection"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/transfer"
)

// exportOptions are the flags of export.
type exportOptions struct {
	target   target
	output   string
	format   formatFlag
	table    tableFlags
	recorded recordedAt
	zstd     bool
	sources  []string
}

func newExportCommand(parquet eventtable.Create) *cobra.Command {
	o := exportOptions{target: target{cacheBytes: copyCacheBytes}, format: formatFlag{parquet: parquet}}
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Export a store as lines of JSON, or events as CSV or Parquet",
		Long: `export writes all events of a store in order, one JSON object per line, with their
positions, UUIDs, metadata and tracking. Tracking-only records have lines of their
own. The last line marks the end: an export without it is incomplete. umadb import
reads an export into a store.

With --format csv or parquet, or an output file whose name ends in .csv, .csv.zst or
.parquet, it writes a table with a row for each event, for programs such as DuckDB,
pandas and polars. A table can be restricted to the events that match a query, as
with umadb read. It has no tracking-only records, and cannot be imported.

From a directory, export writes everything that is stored. From a server, it writes
the events that exist when it starts, and the tracking sources that the server lists.
A server that is another program or an older version, or whose key lacks the right
admin, does not list them: tracking-only records are then exported only for each
--tracking-source.

With --since or --until, export writes the events that were recorded then, without
tracking-only records. umadb import needs an export that starts with the first event.

The output file gets its name when it is complete and synced to the disk. Only its
owner may read it. It must not exist yet.`,
		Example: `  umadb export --output events.ndjson.zst
  umadb export --db-path ./uma.db > events.ndjson
  umadb export --db-path ./uma.db | umadb import --db-path ./copy.db
  umadb export --output events.parquet
  umadb export --since 2026-11-26 --until 2026-11-27 --output day.csv
  umadb export --tag course:1 --after 1200 --format csv | cat`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(cmd); err != nil {
				return err
			}
			return o.target.use(cmd, false, func(ctx context.Context, s dcb.EventStore) error {
				return o.export(ctx, cmd, s)
			})
		},
	}
	f := cmd.Flags()
	o.target.addFlags(f)
	f.StringVarP(&o.output, "output", "o", "", "`file` to write instead of standard output; compressed if its name ends in .zst")
	f.Var(&o.format, "format", "`name` of the format: ndjson, csv or parquet; without it, the name of the output file decides, or it is ndjson")
	o.table.addFlags(f)
	o.recorded.addSince(f)
	o.recorded.addUntil(f)
	f.BoolVar(&o.zstd, "zstd", false, "compress the output with zstd, as Parquet always is")
	f.StringArrayVar(&o.sources, "tracking-source", nil, "`name` of a tracking source, if the server does not list them; repeat for more")
	perCall(f, "output", "format", "zstd", "tracking-source")
	return cmd
}

func (o *exportOptions) validate(cmd *cobra.Command) error {
	if o.output == "" && cmd.Flags().Changed("output") {
		return usageErrorf("--output is empty: name a file, or omit the flag to write to standard output")
	}
	if o.output == "-" {
		o.output = ""
	}
	o.zstd = o.zstd || strings.HasSuffix(o.output, ".zst")
	if o.output == "" && o.zstd && isTerminal(cmd.OutOrStdout()) {
		return usageErrorf("cannot write compressed output to a terminal: name a file with --output, or omit --zstd")
	}
	if err := o.recorded.validate(); err != nil {
		return err
	}
	o.format.choose(o.output)
	if o.format.name != formatLines {
		return o.validateTable(cmd)
	}
	if o.recorded.given() && cmd.Flags().Changed("tracking-source") {
		return usageErrorf("--tracking-source is given with --since or --until, which export no tracking-only records: omit it")
	}
	return o.table.reject(cmd.Flags())
}

// validateTable rejects flags that contradict each other in an export as a table.
func (o *exportOptions) validateTable(cmd *cobra.Command) error {
	switch flags := cmd.Flags(); {
	case o.format.name == formatParquet && o.format.parquet == nil:
		return usageErrorf("this program does not write Parquet: use the umadb program, or --format csv")
	case o.format.name == formatParquet && o.zstd:
		return usageErrorf("a Parquet file is compressed inside: omit --zstd, and .zst in the name of the file")
	case flags.Changed("tracking-source"):
		return usageErrorf("--tracking-source is for exports as lines of JSON: a table has only events")
	case flags.Changed("start") && flags.Changed("after"):
		return usageErrorf("--start and --after are both given: --start is the first position to export, --after the one before it")
	case o.output == "" && isTerminal(cmd.OutOrStdout()):
		return usageErrorf("cannot write a table to a terminal: name a file with --output, or use umadb read")
	}
	return nil
}

// exporter writes the data of an export. It calls progress with positions that it has written, and
// returns the number of events.
type exporter func(w io.Writer, progress func(position uint64)) (events uint64, err error)

// export writes the store, or a table of its events.
func (o *exportOptions) export(ctx context.Context, cmd *cobra.Command, s dcb.EventStore) error {
	stdout, stderr := cmd.OutOrStdout(), cmd.ErrOrStderr()
	part, err := o.recorded.positions(ctx, s)
	if err != nil {
		return err
	}
	head, err := s.Head(ctx) // for the progress bar
	if err != nil {
		return err
	}
	export := o.rows(ctx, cmd.Flags(), s, part)
	if o.format.name == formatLines {
		export, err = o.lines(ctx, s, part, stderr)
	}
	if err != nil {
		return err
	}
	if o.output == "" && isTerminal(stdout) {
		stderr = io.Discard // a progress bar would mix with the output
	}
	p := newProgress(stderr, "exporting", "events")
	start := time.Now()
	var done uint64
	err = writeOutput(o.output, stdout, func(w io.Writer) (err error) {
		done, err = export(w, func(position uint64) { p.show(part.Count(position), part.Count(min(head, part.Last))) })
		return err
	})
	p.clear()
	if err == nil {
		fmt.Fprintf(stderr, "umadb: exported %s in %s\n", plural(done, "event"), pace(done, time.Since(start)))
	}
	return err
}

// lines returns the exporter of the store, or of a part of it, as lines of JSON.
func (o *exportOptions) lines(ctx context.Context, s dcb.EventStore, part selection.Positions, stderr io.Writer) (exporter, error) {
	var source transfer.Records
	if o.recorded.given() {
		source = transfer.FromPart(ctx, s, part.First, part.Last)
	} else if opened, ok := s.(*store.Store); ok {
		source = transfer.FromLog(ctx, opened)
	} else {
		tracking, err := serverTracking(ctx, s, o.sources, stderr)
		if err != nil {
			return nil, err
		}
		source = transfer.FromServer(ctx, s, tracking)
	}
	return func(w io.Writer, progress func(uint64)) (uint64, error) {
		last, err := transfer.Export(w, source, o.zstd, progress)
		return part.Count(last), err
	}, nil
}
