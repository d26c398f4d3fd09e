package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
	"github.com/umadb-go/umadb/internal/store"
)

func newCheckCommand() *cobra.Command {
	var dir string
	var live liveCheck
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Verify the integrity of a store",
		Long: `check reads the whole log of a store, and compares the index and the tracking with
it. It changes nothing. No server may have the store open, unless --live is given.

It prints the result of each invariant: ok, CORRUPT, or not reached. An invariant is
not reached if corruption elsewhere prevents a complete check. With --json, each
invariant also has its meaning and the remedy. The exit code is 0 if there is no
problem, and 6 if the store is corrupt.

An index block is a file of the index, which covers many events. A small store has
none yet: its last groups are indexed in memory when it is opened.

With --live, a server verifies its own store while it is used: each commit and each
index block, but not one with the other. The server reads at most 32 MiB a second, or
what --rate says, and rebuilds index blocks that are corrupt. It needs a key with the
right "admin", if the server requires keys.`,
		Example: `  umadb check --db-path ./uma.db
  umadb check --db-path ./uma.db --json
  umadb check --live --url https://db.example.com:50051 --api-key-file key`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := untilSignal(cmd)
			defer stop()
			if err := live.validate(cmd.Flags()); err != nil {
				return err
			}
			if live.enabled {
				return live.run(ctx, cmd, asJSON)
			}
			report, err := check(ctx, dir, cmd.ErrOrStderr())
			if err != nil {
				return reportCheckError(err, dir, asJSON, cmd.OutOrStdout())
			}
			return report.print(asJSON, cmd.OutOrStdout())
		},
	}
	addPathFlag(cmd.Flags(), &dir)
	live.addFlags(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// check verifies the store in a directory.
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
		return nil, errors.New("the check was interrupted, so the state of the store is unknown")
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no store in %s; set its directory with --db-path", dir)
	case err != nil:
		return nil, explainOpen(err, dir)
	}
	f := &findings{OK: len(report.Problems) == 0, Path: dir, Report: *report}
	if f.OK {
		f.Problems = []store.Problem{} // a list in JSON, not null
	}
	return f, nil
}

// reportCheckError returns the error of a check that could not be made. With --json it
// also writes the error to standard output, so that the output is always one object.
func reportCheckError(err error, dir string, asJSON bool, stdout io.Writer) error {
	if !asJSON {
		return err
	}
	return withPrintError(err, ndjson.Write(stdout, struct {
		OK    bool   `json:"ok"`
		Path  string `json:"db_path"`
		Error string `json:"error"`
	}{false, dir, err.Error()}))
}

// withPrintError adds to err the error of writing to standard output, if any. It does not
// wrap printErr: a closed pipe must not suppress the message of err.
func withPrintError(err, printErr error) error {
	if printErr == nil {
		return err
	}
	return fmt.Errorf("%w; cannot print the report: %v", err, printErr)
}

// findings is the output of check.
type findings struct {
	OK   bool   `json:"ok"`
	Path string `json:"db_path"`
	store.Report
}

// print writes the findings. The error is of kind dcb.ErrCorruption if there is any
// problem.
func (f *findings) print(asJSON bool, stdout io.Writer) error {
	var failure error
	if !f.OK {
		failure = f.failure()
	}
	return printReport(f, failure, asJSON, stdout)
}

// printReport writes the report of a check. It returns failure, which is nil if the report
// has no problem, and the error of writing, if any.
func printReport(report interface{ text() string }, failure error, asJSON bool, stdout io.Writer) (err error) {
	if asJSON {
		err = ndjson.Write(stdout, report)
	} else {
		_, err = io.WriteString(stdout, EscapeControl(report.text()))
	}
	if failure == nil {
		return err
	}
	return withPrintError(failure, err)
}

func (f *findings) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s in %s, %s of log in %s, %s, %s\n", f.Path,
		plural(f.Events, "event"), plural(f.Groups, "group"), plural(uint64(f.LogBytes), "byte"),
		plural(uint64(f.Segments), "segment"), plural(uint64(f.Sources), "tracking source"), plural(uint64(f.Blocks), "index block"))
	if f.Outdated > 0 {
		fmt.Fprintf(&b, "in an older format, and rebuilt when the store is opened: %s\n", plural(uint64(f.Outdated), "index block"))
	} else if f.Uncovered > 0 && f.OK {
		fmt.Fprintf(&b, "not yet in an index block, and indexed in memory when the store is opened: %s at the end\n", plural(f.Uncovered, "group"))
	}
	if f.Torn != "" {
		fmt.Fprintf(&b, "%s: an incomplete commit; either a crash interrupted it before it was acknowledged, or the file was truncated; opening the store removes it\n", f.Torn)
	}
	for _, i := range f.Invariants {
		fmt.Fprintf(&b, "  %-12s %-9s %s", resultTexts[i.Status], i.ID, examinedText(&i))
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

// examinedText describes what was checked of an invariant.
func examinedText(i *store.Finding) string {
	text, ofIndex := plural(i.Examined, i.Unit), i.ID == "end" || i.ID == "blocks" || i.ID == "index"
	switch {
	case !ofIndex || i.Status != store.Holds:
		return text
	case i.Examined == 0:
		return "nothing to check: there is no index block yet"
	case i.ID == "index":
		return text + " of the index with the log"
	case i.ID == "end":
		return "the log reaches the end of " + plural(i.Examined, "index block")
	}
	return plural(i.Examined, "index block")
}

// resultTexts are the results in text output.
var resultTexts = map[store.Status]string{
	store.Holds:      "ok",
	store.Violated:   "CORRUPT",
	store.NotReached: "not reached",
}

// failure returns the error of a check that found problems.
func (f *findings) failure() error {
	return &dcb.Error{Kind: dcb.ErrCorruption, Detail: fmt.Sprintf(
		"%s in %s; copy the directory before you do anything else with it", plural(uint64(len(f.Problems))+f.More, "problem"), f.Path)}
}
