package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/term"
)

func main() {
	if runAttackers() {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal stops servers and removes directories; a second one kills
	// this process.
	context.AfterFunc(ctx, stop)
	if err := hostile(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "hostile:", err)
		os.Exit(1)
	}
}

// options contains the flags.
type options struct {
	only  string
	tls   string
	short bool
	json  bool
	list  bool
	dir   string
	umadb string
}

func parseOptions(args []string) (o options, err error) {
	f := flag.NewFlagSet("hostile", flag.ContinueOnError)
	f.StringVar(&o.only, "only", "", "`list` of the names of the attacks to run; default all")
	f.StringVar(&o.tls, "tls", "both", "run each attack `with` TLS: yes, no or both")
	f.BoolVar(&o.short, "short", false, "run the short form, like the tests")
	f.BoolVar(&o.json, "json", false, "write JSON instead of the table")
	f.BoolVar(&o.list, "list", false, "list the attacks")
	f.StringVar(&o.dir, "dir", filepath.Join(".cache", "hostile"), "`directory` for the stores")
	f.StringVar(&o.umadb, "umadb", filepath.Join("bin", "umadb"), "the `program` to attack")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	if o.tls != "yes" && o.tls != "no" && o.tls != "both" {
		return o, fmt.Errorf("-tls is %q: write yes, no or both", o.tls)
	}
	return o, nil
}

// chosen returns the attacks to run.
func (o *options) chosen() (chosen []*attack, err error) {
	for name := range strings.SplitSeq(o.only, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		a := attackNamed(name)
		if a == nil {
			return nil, fmt.Errorf("unknown attack %q; -list lists them", name)
		}
		chosen = append(chosen, a)
	}
	if len(chosen) > 0 {
		return chosen, nil
	}
	for i := range attacks {
		if !o.short || attacks[i].short {
			chosen = append(chosen, &attacks[i])
		}
	}
	return chosen, nil
}

// hostile runs the command.
func hostile(ctx context.Context, args []string) error {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	chosen, err := o.chosen()
	if err != nil {
		return err
	}
	if o.list {
		for _, a := range chosen {
			fmt.Printf("%-27s %s\n", a.name, a.summary)
		}
		return nil
	}
	f := fullForm
	if o.short {
		f = shortForm
	}
	r, remove, err := newRunner(f, o.umadb, o.dir)
	if err != nil {
		return err
	}
	defer remove()
	outcomes, err := runAll(ctx, r, chosen, o.tls)
	write := writeTable
	if o.json {
		write = writeJSON
	}
	return errors.Join(err, write(os.Stdout, outcomes), failed(outcomes))
}

// runAll runs attacks without TLS, with TLS or both. If it fails, it returns the
// outcomes of the attacks before.
func runAll(ctx context.Context, r *runner, chosen []*attack, tls string) (outcomes []*outcome, err error) {
	forms := map[string][]bool{"no": {false}, "yes": {true}, "both": {false, true}}[tls]
	terminal := term.IsTerminal(int(os.Stderr.Fd()))
	for i, a := range chosen {
		for _, secure := range forms {
			title := fmt.Sprintf("%d/%d %s%s", i+1, len(chosen), a.name, map[bool]string{true: ", TLS"}[secure])
			r.progress = func(string) {}
			if terminal {
				r.progress = func(text string) { fmt.Fprintf(os.Stderr, "\r\x1b[K%s: %s", title, text) }
			}
			o, err := r.run(ctx, a, secure)
			r.progress("")
			if err != nil {
				return outcomes, fmt.Errorf("%s: %w", title, err)
			}
			if terminal {
				fmt.Fprint(os.Stderr, "\r\x1b[K")
			}
			fmt.Fprintf(os.Stderr, "%s: %s\n", title, o.result())
			outcomes = append(outcomes, o)
		}
	}
	return outcomes, nil
}

// failed returns an error with the names of the attacks that were not withstood, or
// nil.
func failed(outcomes []*outcome) error {
	var names []string
	for _, o := range outcomes {
		if len(o.Failures) > 0 {
			names = append(names, o.name())
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d attacks were not withstood: %s", len(names), len(outcomes), strings.Join(names, ", "))
}
