package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/transfer"
	"github.com/umadb-go/umadb/internal/vfs"
)

// exportOptions are the flags of export.
type exportOptions struct {
	target  target
	output  string
	zstd    bool
	sources []string
}

func newExportCommand() *cobra.Command {
	o := exportOptions{target: target{cacheBytes: copyCacheBytes}}
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Export a store as lines of JSON",
		Long: `export writes all events of a store in order, one JSON object per line, with their
positions, UUIDs, metadata and tracking. Tracking-only records have lines of their
own. The last line marks the end: an export without it is incomplete. umadb import
reads an export into a store.

From a directory, export writes everything that is stored. From a server, it writes
the events that exist when it starts, and the tracking sources that the server lists.
A server that is another program or an older version, or whose key has not the right
admin, does not list them: tracking-only records are then exported only for each
--tracking-source.

The output file gets its name when it is complete and synced to the disk. Only its
owner may read it. It must not exist yet.`,
		Example: `  umadb export --output events.ndjson.zst
  umadb export --db-path ./uma.db > events.ndjson
  umadb export --db-path ./uma.db | umadb import --db-path ./copy.db`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(cmd); err != nil {
				return err
			}
			return o.target.use(cmd, false, func(ctx context.Context, s dcb.EventStore) error {
				return o.export(ctx, s, cmd.OutOrStdout(), cmd.ErrOrStderr())
			})
		},
	}
	f := cmd.Flags()
	o.target.addFlags(f)
	f.StringVarP(&o.output, "output", "o", "", "`file` to write instead of standard output; compressed if its name ends in .zst")
	f.BoolVar(&o.zstd, "zstd", false, "compress the output with zstd")
	f.StringArrayVar(&o.sources, "tracking-source", nil, "`name` of a tracking source, if the server does not list them; repeat for more")
	perCall(f, "output", "zstd", "tracking-source")
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
	return nil
}

// export writes the whole store.
func (o *exportOptions) export(ctx context.Context, s dcb.EventStore, stdout, stderr io.Writer) error {
	head, err := s.Head(ctx) // for the progress bar
	if err != nil {
		return err
	}
	var source transfer.Records
	if opened, ok := s.(*store.Store); ok {
		source = transfer.FromLog(ctx, opened)
	} else {
		tracking, err := serverTracking(ctx, s, o.sources, stderr)
		if err != nil {
			return err
		}
		source = transfer.FromServer(ctx, s, tracking)
	}
	if o.output == "" && isTerminal(stdout) {
		stderr = io.Discard // a progress bar would mix with the output
	}
	p := newProgress(stderr, "exporting", "events")
	start := time.Now()
	var done uint64
	err = writeOutput(o.output, stdout, func(w io.Writer) (err error) {
		done, err = transfer.Export(w, source, o.zstd, func(done uint64) { p.show(done, head) })
		return err
	})
	p.clear()
	if err == nil {
		fmt.Fprintf(stderr, "umadb: exported %s in %s\n", plural(done, "event"), pace(done, time.Since(start)))
	}
	return err
}

// outputFile is a file that appears under its name only when it is complete.
type outputFile struct {
	*os.File        // in the same directory, under a temporary name
	path     string // the final name
}

// createOutput creates the temporary file for path, which must not exist yet.
func createOutput(path string) (*outputFile, error) {
	if err := mustBeNew(path); err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.part")
	if err != nil {
		return nil, err
	}
	return &outputFile{file, path}, nil
}

func mustBeNew(path string) error {
	_, err := os.Lstat(path)
	if err == nil {
		return fmt.Errorf("%s already exists: name another file, or remove it first", path)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// commit syncs the file and renames it to its final name.
func (o *outputFile) commit() error {
	if err := o.Sync(); err != nil {
		return err
	}
	if err := o.Close(); err != nil {
		return err
	}
	if err := mustBeNew(o.path); err != nil {
		return err
	}
	if err := os.Rename(o.Name(), o.path); err != nil {
		return err
	}
	return vfs.OS{}.SyncDir(filepath.Dir(o.path))
}

// discard removes the temporary file.
func (o *outputFile) discard() {
	o.Close()
	os.Remove(o.Name())
}

// writeOutput calls write with a new file, or with standard output if path is empty.
func writeOutput(path string, stdout io.Writer, write func(io.Writer) error) error {
	if path == "" {
		return write(stdout)
	}
	file, err := createOutput(path)
	if err != nil {
		return err
	}
	err = write(file)
	if err == nil {
		err = file.commit()
	}
	if err != nil {
		file.discard()
	}
	return err
}
