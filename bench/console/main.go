// Command console measures how long the server takes to answer with each page of the console, on a
// store of many events.
//
//	go run ./bench/console -events 1000000 -program bin/umadb
//
// It fills a store in a temporary directory, starts the server, and follows the links of the pages.
// It exits with 1 if a page is not answered within the bound, at the 95th percentile. With -fill it
// only fills the store: the tests of the console in a browser use that.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/umadb-go/umadb/internal/servertest"
)

// rejections is the number of rejected appends.
const rejections = 100

// options are the flags.
type options struct {
	program  string
	dir      string
	events   int
	requests int
	perPath  int
	bound    time.Duration
	out      string
	note     string
	fill     bool
}

func main() {
	var o options
	flag.StringVar(&o.program, "program", "bin/umadb", "the program")
	flag.StringVar(&o.dir, "dir", "", "use and keep this store instead of a temporary one")
	flag.IntVar(&o.events, "events", 1_000_000, "events in the store")
	flag.IntVar(&o.requests, "requests", 40, "requests of each page")
	flag.IntVar(&o.perPath, "per-path", 2, "maximum number of pages with the same path and parameters")
	flag.DurationVar(&o.bound, "bound", 300*time.Millisecond, "bound of the 95th percentile")
	flag.StringVar(&o.out, "out", "", "also write the result to this file, in Markdown")
	flag.StringVar(&o.note, "note", "", "a remark about the machine, for the result")
	flag.BoolVar(&o.fill, "fill", false, "only fill the store of -dir; measure nothing")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := measure(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench/console:", err)
		os.Exit(1)
	}
}

// measure fills a store, measures each page, and writes the result.
func measure(ctx context.Context, o options) error {
	if o.fill {
		if o.dir == "" {
			return errNoDir
		}
		return fill(ctx, o.dir, o.events)
	}
	if o.dir == "" {
		temporary, err := os.MkdirTemp("", "umadb-bench-console-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temporary)
		o.dir = filepath.Join(temporary, "uma.db")
	}
	if err := fill(ctx, o.dir, o.events); err != nil {
		return err
	}
	serve := exec.Command(o.program, "serve", "--db-path", o.dir, "--console", "127.0.0.1:0")
	process, server, err := servertest.StartOnFreePort(ctx, serve)
	if err != nil {
		return err
	}
	defer process.Kill()
	address, found := process.Output.AwaitMessage(ctx, "serving the console")
	if !found {
		return fmt.Errorf("the server does not serve the console: %s", process.Output)
	}
	if err := reject(ctx, "http://"+server, min(rejections, o.events)); err != nil {
		return err
	}
	pages, err := visit(ctx, "http://"+address, o)
	if err != nil {
		return err
	}
	var text strings.Builder
	slow := report(&text, o, pages)
	fmt.Print(text.String())
	if o.out != "" {
		if err := os.WriteFile(o.out, []byte(text.String()), 0o644); err != nil {
			return err
		}
	}
	if len(slow) > 0 {
		return fmt.Errorf("over %v: %s", o.bound, strings.Join(slow, ", "))
	}
	return nil
}

// report writes the result in Markdown, and returns the pages that exceed the bound.
func report(w io.Writer, o options, pages []*page) (slow []string) {
	fmt.Fprintf(w, "# Pages of the console, %s\n\n", time.Now().UTC().Format(time.DateOnly))
	fmt.Fprintf(w, "How long the server takes to answer with each page, on a store of %d events: %d requests of each, one after the\nother, measured by the client. The bound of the 95th percentile is %v.\n\n", o.events, o.requests, o.bound)
	fmt.Fprintf(w, "| | |\n|---|---|\n| machine | %s |\n| repeat | `go run ./bench/console %s` |\n", describeMachine(), strings.Join(os.Args[1:], " "))
	if o.note != "" {
		fmt.Fprintf(w, "| remark | %s |\n", o.note)
	}
	fmt.Fprint(w, "\n| page | first, ms | p50, ms | p95, ms | max, ms | KiB | |\n|---|--:|--:|--:|--:|--:|---|\n")
	for _, p := range pages {
		mark := ""
		if p.quantile(0.95) > o.bound {
			mark = "over the bound"
			slow = append(slow, p.link)
		}
		fmt.Fprintf(w, "| `%s` | %s | %s | %s | %s | %d | %s |\n", strings.ReplaceAll(p.link, "|", "%7C"),
			milliseconds(p.first), milliseconds(p.quantile(0.5)), milliseconds(p.quantile(0.95)), milliseconds(p.quantile(1)), p.size>>10, mark)
	}
	return slow
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond))
}

var (
	errNoPages = errors.New("no page links to another one")
	errNoDir   = errors.New("-fill needs -dir, the directory of the store")
)
