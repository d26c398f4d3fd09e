package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/admin"
	"github.com/umadb-go/umadb/internal/ndjson"
	"github.com/umadb-go/umadb/internal/store"
)

// liveCheck is the check of a store by the server that has it open.
type liveCheck struct {
	enabled bool
	server  operated
	rate    byteRate
}

func (l *liveCheck) addFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&l.enabled, "live", false, "let a server verify its store while it is used")
	flags.Var(&l.rate, "rate", "maximum number of `bytes` that --live reads in a second, at least 1MiB")
	perCall(flags, "live", "rate")
	l.server.addFlags(flags)
}

// validate verifies that the flags of the command line belong to the same kind of check.
func (l *liveCheck) validate(flags *pflag.FlagSet) error {
	switch {
	case l.enabled && onCommandLine(flags, "db-path"):
		return usageErrorf("--live and --db-path are both given: --live checks the store of the server at --url")
	case !l.enabled && onCommandLine(flags, "url"):
		return usageErrorf("--url is given without --live")
	case !l.enabled && onCommandLine(flags, "rate"):
		return usageErrorf("--rate is given without --live")
	}
	return nil
}

// run lets the server verify its store, and prints the report.
func (l *liveCheck) run(ctx context.Context, cmd *cobra.Command, asJSON bool) error {
	report, err := l.scrub(ctx, cmd)
	switch {
	case ctx.Err() != nil && err != nil:
		err = errors.New("the check was interrupted, so the state of the store is unknown")
	case admin.IsMissing(err):
		err = fmt.Errorf("the server cannot check its store: it is another program or an older version; stop it and use umadb check --db-path: %v", err)
	}
	stdout := cmd.OutOrStdout()
	if err != nil && asJSON {
		return withPrintError(err, ndjson.Write(stdout, liveError{URL: l.server.url, Error: err.Error()}))
	}
	if err != nil {
		return err
	}
	found := liveFindings{OK: len(report.Findings) == 0, URL: l.server.url, ScrubReport: *report}
	return found.print(asJSON, stdout)
}

func (l *liveCheck) scrub(ctx context.Context, cmd *cobra.Command) (*store.ScrubReport, error) {
	c, err := l.server.dial(ctx, cmd.Flags())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	p := newProgress(cmd.ErrOrStderr(), "checking", "bytes")
	defer p.clear()
	return admin.NewClient(c).Scrub(ctx, uint64(l.rate), p.show)
}

// liveError is the JSON output of a check by a server that could not be made.
type liveError struct {
	OK    bool   `json:"ok"`
	URL   string `json:"url"`
	Error string `json:"error"`
}

// liveFindings is the output of a check by a server.
type liveFindings struct {
	OK  bool   `json:"ok"`
	URL string `json:"url"`
	store.ScrubReport
}

// print writes the findings. The error is of kind dcb.ErrCorruption if there are any.
func (f *liveFindings) print(asJSON bool, stdout io.Writer) error {
	var failure error
	if !f.OK {
		failure = &dcb.Error{Kind: dcb.ErrCorruption, Detail: fmt.Sprintf(
			"%s in the store of %s", plural(uint64(len(f.Findings))+f.More, "problem"), f.URL)}
	}
	return printReport(f, failure, asJSON, stdout)
}

func (f *liveFindings) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s in %s of log, %s in %s of index\n", f.URL,
		plural(f.Groups, "group"), plural(uint64(f.LogBytes), "byte"), plural(f.Blocks, "index block"), plural(uint64(f.IndexBytes), "byte"))
	for _, p := range f.Findings {
		remedy := "the server rebuilds it from the log"
		if !p.Index {
			remedy = "stop the server, then run umadb repair with a copy of the store"
		}
		fmt.Fprintf(&b, "%s, byte %d: %s; %s\n", p.File, p.Offset, p.What, remedy)
	}
	if f.More > 0 {
		fmt.Fprintf(&b, "and %s more\n", plural(f.More, "problem"))
	}
	if f.OK {
		b.WriteString("no problem found\n")
	}
	return b.String()
}
