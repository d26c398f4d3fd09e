package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"

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

It exits with 0 if all is well, and with 6 if anything is damaged.`,
		Example: `  umadb check --db-path ./uma.db
  umadb check --db-path ./uma.db --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				return usageErrorf("--db-path is empty: name the directory of the event store")
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			context.AfterFunc(ctx, stop) // a second signal ends the process
			return check(ctx, dir, asJSON, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	addPathFlag(cmd.Flags(), &dir)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// check verifies a store and prints what was found. The error is of kind
// dcb.ErrCorruption if that is any damage.
func check(ctx context.Context, dir string, asJSON bool, stdout, stderr io.Writer) error {
	p := newProgress(stderr, "checked")
	report, err := store.Check(ctx, dir, &store.CheckOptions{Progress: p.show})
	p.clear()
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("the check was interrupted; nothing can be said about the store")
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no store in %s; name its directory with --db-path", dir)
	case err != nil:
		return err
	}
	f := findings{OK: len(report.Problems) == 0, Path: dir, Report: *report}
	if f.OK {
		f.Problems = []store.Problem{} // in JSON a list, not null
	}
	if asJSON {
		err = json.NewEncoder(stdout).Encode(f)
	} else {
		_, err = io.WriteString(stdout, f.text())
	}
	if err != nil {
		return err
	}
	return f.failure()
}

// findings is what check prints.
type findings struct {
	OK   bool   `json:"ok"`
	Path string `json:"db_path"`
	store.Report
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
		fmt.Fprintf(&b, "%s: a crash left this of a commit that was never acknowledged, opening the store cuts it\n", f.Torn)
	}
	for _, p := range f.Problems {
		fmt.Fprintf(&b, "%s, byte %d: %s; %s\n", p.File, p.Offset, p.What, p.Remedy)
	}
	if f.OK {
		b.WriteString("no problem found\n")
	}
	return b.String()
}

// failure is the error that ends a check which found problems.
func (f *findings) failure() error {
	if f.OK {
		return nil
	}
	return &dcb.Error{Kind: dcb.ErrCorruption, Detail: fmt.Sprintf(
		"%s in %s; copy the directory before anything else is done with it", plural(uint64(len(f.Problems)), "problem"), f.Path)}
}

// plural writes a number with its noun.
func plural(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
