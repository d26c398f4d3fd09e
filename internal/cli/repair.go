package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"strings"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/backup"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/ndjson"
	"github.com/umadb-go/umadb/internal/store"
)

// repairOptions are the flags of repair.
type repairOptions struct {
	dir     string
	from    string
	auth    auth        // of the server at from
	objects objectStore // of the backup at from
	tail    bool
	discard uint64
	asJSON  bool
}

func newRepairCommand() *cobra.Command {
	var o repairOptions
	cmd := &cobra.Command{
		Use:   "repair",
		Short: "Repair the log of a corrupt store",
		Long: `repair reads the log of a store, and reports what is corrupt and what could be done. It
changes nothing unless --from or --truncate-tail is given. No server may have the
store open.

With --from, corrupt and missing files of the log are written again: each commit that
is valid is kept, and all others are read from a copy of the store, in a directory,
on a server, or in an object store. The chain of the commits is verified from the first
to the last. A server requires a key with the right admin, if it requires keys. The
directory of a standby can be repaired from its server, and remains that of a standby.

With --truncate-tail, what is corrupt at the end of the log is removed. If events would
be lost, it does so only with --discard-events and their exact number.

All replaced bytes are kept in the directory "repair" of the store. A repair that was
interrupted, even by a loss of power, can be repeated. Afterwards the store is checked.
The exit code is 6 if the store is still corrupt.`,
		Example: `  umadb repair --db-path ./uma.db
  umadb repair --db-path ./uma.db --from ./backup.db
  umadb repair --db-path ./uma.db --from https://standby.example.com:50051 --api-key-file key
  umadb repair --db-path ./uma.db --from s3://backups/orders`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(cmd.Flags().Changed("discard-events")); err != nil {
				return err
			}
			ctx, stop := untilSignal(cmd)
			defer stop()
			options := &store.RepairOptions{From: o.from, TruncateTail: o.tail, DiscardEvents: o.discard}
			copied, err := o.openCopy(ctx, cmd)
			if err != nil {
				return reportCheckError(err, o.dir, o.asJSON, cmd.OutOrStdout())
			}
			if copied != nil {
				defer copied.Close()
				options.Groups = func(ctx context.Context, after eventlog.GroupID) iter.Seq2[eventlog.Group, error] {
					return copied.Groups(ctx, after, false)
				}
			}
			return o.run(ctx, options, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	addPathFlag(f, &o.dir)
	f.StringVar(&o.from, "from", "", "`copy` of the store for what is corrupt or missing: a directory, such as a backup, the URL of a server, such as a standby, or that of a backup, such as s3://bucket/prefix")
	o.auth.addFlags(f)
	o.objects.addFlags(f)
	f.BoolVar(&o.tail, "truncate-tail", false, "remove what is corrupt at the end of the log")
	f.Uint64Var(&o.discard, "discard-events", 0, "`number` of events that --truncate-tail may lose; it must be exact")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object")
	perCall(f, "from", "truncate-tail", "discard-events")
	return cmd
}

func (o *repairOptions) validate(discards bool) error {
	switch {
	case o.dir == "":
		return errEmptyPath
	case discards && !o.tail:
		return usageErrorf("--discard-events is given without --truncate-tail")
	}
	return nil
}

// openCopy opens the copy, unless it is in a directory or there is none.
func (o *repairOptions) openCopy(ctx context.Context, cmd *cobra.Command) (backupSource, error) {
	switch {
	case backup.IsS3(o.from):
		s, err := o.objects.source(ctx, o.from)
		return s, asInterrupted(ctx, err)
	case !strings.Contains(o.from, "://"):
		return nil, nil
	}
	return openUntil(ctx, func() (backupSource, error) {
		c, err := o.auth.dial(cmd.Flags(), o.from, "set another address, or a directory, with --from")
		return sourceOrNil(serverSource{Client: c, remedy: "copy the directory of its store, and name the copy with --from"}, err)
	})
}

// repairResult is the output of repair.
type repairResult struct {
	OK   bool   `json:"ok"`
	Path string `json:"db_path"`
	*store.RepairReport
	// Check is the result of the check after a change.
	Check *findings `json:"check,omitempty"`
}

func (o *repairOptions) run(ctx context.Context, options *store.RepairOptions, stdout, stderr io.Writer) error {
	result := repairResult{Path: o.dir}
	changed := false
	var printErr error
	options.Step = func(s store.RepairStep) {
		changed = changed || s.Step != "corrupt" && s.Step != "torn"
		if !o.asJSON {
			_, err := io.WriteString(stdout, EscapeControl(stepText(&s)))
			printErr = errors.Join(printErr, err)
		}
	}
	var err error
	result.RepairReport, err = store.Repair(ctx, o.dir, options)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("there is no store in %s; set its directory with --db-path", o.dir)
	}
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%w; what was written remains: run the same command again", errInterrupted)
	}
	if err != nil {
		return reportCheckError(explainOpen(err, o.dir), o.dir, o.asJSON, stdout)
	}
	result.OK = result.Corrupt == 0 && !result.CanTruncate
	if changed && result.Corrupt == 0 {
		if result.Check, err = check(ctx, o.dir, stderr); err != nil {
			return reportCheckError(err, o.dir, o.asJSON, stdout)
		}
		result.OK = result.OK && result.Check.OK
	}
	return result.print(changed, o.asJSON, stdout, printErr)
}

// stepText describes a finding or a change in a line.
func stepText(s *store.RepairStep) string {
	return fmt.Sprintf("%-9s %s, bytes %d to %d: %s\n", s.Step, s.File, s.From, s.To, s.What)
}

// print writes the result. The steps were written before, unless it is in JSON.
func (r *repairResult) print(changed, asJSON bool, stdout io.Writer, printErr error) error {
	if asJSON {
		printErr = ndjson.Write(stdout, r)
	} else {
		_, err := io.WriteString(stdout, EscapeControl(r.text(changed)))
		printErr = errors.Join(printErr, err)
	}
	if r.OK {
		return printErr
	}
	return withPrintError(&dcb.Error{Kind: dcb.ErrCorruption, Detail: r.Path + " is corrupt; copy the directory before you do anything else with it"}, printErr)
}

func (r *repairResult) text(changed bool) string {
	var b strings.Builder
	if !changed {
		b.WriteString("nothing was changed\n")
	}
	switch {
	case r.Corrupt > 0:
		fmt.Fprintf(&b, "to write %s again from a copy of the store: umadb repair --db-path %q --from COPY\n", plural(uint64(r.Corrupt), "file"), r.Path)
	case r.Lost > 0:
		fmt.Fprintf(&b, "to write the end of the log again from a copy of the store: umadb repair --db-path %q --from COPY\n", r.Path)
	}
	switch {
	case r.CanTruncate && r.Lost > 0:
		fmt.Fprintf(&b, "to remove the end of the log, and lose %s: umadb repair --db-path %q --truncate-tail --discard-events %d\n",
			r.LossText(), r.Path, r.Lost)
	case r.CanTruncate:
		fmt.Fprintf(&b, "to remove the end of the log, without losing any event: umadb repair --db-path %q --truncate-tail\n", r.Path)
	case r.Check != nil:
		b.WriteString(r.Check.text())
	case r.Corrupt == 0:
		b.WriteString("the commits of the log are valid; umadb check verifies the rest\n")
	}
	return b.String()
}
