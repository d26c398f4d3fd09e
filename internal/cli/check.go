package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
)

// addPathFlag adds the flag that names the store's directory.
func addPathFlag(flags *pflag.FlagSet, dir *string) {
	flags.StringVar(dir, "db-path", "./uma.db", "`directory` of the event store")
}

func newCheckCommand() *cobra.Command {
	var dir string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Verify every byte of a store that is not in use",
		Long: `check reads the whole log of a store and compares the index and the tracking with
it. It changes nothing. No server may have the store open.

It says of each invariant whether it holds: ok, DAMAGED, or not reached, which is
that not all could be looked at because something before it is damaged. With
--json each comes with what it means and what to do. It exits with 0 if all is
well, and with 6 if anything is damaged.`,
		Example: `  umadb check --db-path ./uma.db
  umadb check --db-path ./uma.db --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := untilSignal(cmd)
			defer stop()
			report, err := check(ctx, dir, cmd.ErrOrStderr())
			if err != nil {
				return cannotCheck(err, dir, asJSON, cmd.OutOrStdout())
			}
			return report.print(asJSON, cmd.OutOrStdout())
		},
	}
	addPathFlag(cmd.Flags(), &dir)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// check verifies a store.
func check(ctx context.Context, dir string, stderr io.Writer) (*findings, error) {
	if dir == "" {
		return nil, errEmptyPath
	}
	report, err := orInterrupted(ctx, func() (*store.Report, error) {
		p := newProgress(stderr, "checking", "groups")
		defer p.clear()
		return store.Check(ctx, dir, &store.CheckOptions{Progress: p.show})
	})
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, errInterrupted):
		return nil, errors.New("the check was interrupted; nothing can be said about the store")
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no store in %s; name its directory with --db-path", dir)
	case err != nil:
		return nil, explainOpen(err, dir)
	}
	f := &findings{OK: len(report.Problems) == 0, Path: dir, Report: *report}
	if f.OK {
		f.Problems = []store.Problem{} // in JSON a list, not null
	}
	return f, nil
}

// cannotCheck gives the error for a check that could not be made. As JSON it is
// said on standard output too: whoever reads that gets one object in any case.
func cannotCheck(err error, dir string, asJSON bool, stdout io.Writer) error {
	if !asJSON {
		return err
	}
	return alsoUnprinted(err, writeJSON(stdout, struct {
		OK    bool   `json:"ok"`
		Path  string `json:"db_path"`
		Error string `json:"error"`
	}{false, dir, err.Error()}))
}

// alsoUnprinted adds to an error that standard output did not take what is said
// there. If the pipe is closed, the error is not to be kept quiet all the same.
func alsoUnprinted(err, printing error) error {
	if printing == nil {
		return err
	}
	return fmt.Errorf("%w; the report could not be printed: %v", err, printing)
}

// findings is what check prints.
type findings struct {
	OK   bool   `json:"ok"`
	Path string `json:"db_path"`
	store.Report
}

// print writes what was found. The error is of kind dcb.ErrCorruption if that is
// any damage.
func (f *findings) print(asJSON bool, stdout io.Writer) (err error) {
	if asJSON {
		err = writeJSON(stdout, f)
	} else {
		_, err = io.WriteString(stdout, Harmless(f.text()))
	}
	if f.OK {
		return err
	}
	return alsoUnprinted(f.failure(), err)
}

func (f *findings) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s in %s, %s of log in %s, %s, %s of index\n", f.Path,
		plural(f.Events, "event"), plural(f.Groups, "group"), plural(uint64(f.LogBytes), "byte"),
		plural(uint64(f.Segments), "segment"), plural(uint64(f.Sources), "tracking source"), plural(uint64(f.Blocks), "block"))
	if f.Uncovered > 0 && f.OK {
		fmt.Fprintf(&b, "not in a block of the index yet: the last %s; opening the store reads that into memory\n", plural(f.Uncovered, "group"))
	}
	if f.Torn != "" {
		fmt.Fprintf(&b, "%s: a crash left this of a commit that was never acknowledged, or somebody cut the file; opening the store cuts it\n", f.Torn)
	}
	for _, i := range f.Invariants {
		fmt.Fprintf(&b, "  %-12s %-9s %s", verdictTexts[i.Status], i.ID, plural(i.Examined, i.Unit))
		if i.Status == store.Violated {
			fmt.Fprintf(&b, ": %s", i.Means)
		}
		b.WriteString("\n")
	}
	for _, p := range f.Problems {
		fmt.Fprintf(&b, "%s: %s, byte %d: %s; %s\n", p.Invariant, p.File, p.Offset, p.What, p.Remedy)
	}
	if f.More > 0 {
		fmt.Fprintf(&b, "and %s more\n", plural(f.More, "problem"))
	}
	if f.OK {
		b.WriteString("no problem found\n")
	}
	return b.String()
}

// verdictTexts is what people read for a verdict.
var verdictTexts = map[store.Status]string{
	store.Holds:      "ok",
	store.Violated:   "DAMAGED",
	store.NotReached: "not reached",
}

// failure is the error that ends a check which found problems.
func (f *findings) failure() error {
	return &dcb.Error{Kind: dcb.ErrCorruption, Detail: fmt.Sprintf(
		"%s in %s; copy the directory before anything else is done with it", plural(uint64(len(f.Problems))+f.More, "problem"), f.Path)}
}
