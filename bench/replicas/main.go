// Command replicas runs three servers that share a log, with the engine that keeps it, as one
// server for the benchmark:
//
//	go build -o bin/replicas ./bench/replicas
//	go run ./bench -servers "ours,shared=bin/replicas -engine postgres bin/umadb" -only appends
//
// With -join it measures how long a server with an empty directory takes to have the events of
// the log:
//
//	go run ./bench/replicas -join 10000000 bin/umadb --db-path /tmp/join
//
// With -takeover it kills and suspends servers and members of the engine that number of times each,
// and measures how long a client of three URLs waits; then how long the other servers lag:
//
//	go run ./bench/replicas -takeover 30 -engine etcd bin/umadb --db-path /tmp/takeover
//
// The first server listens on the address of --listen. Their directories, and that of the engine,
// are below that of --db-path. It ends with SIGTERM, and removes the engine's data.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/umadb-go/umadb/internal/servertest"
)

// count is the number of servers.
const count = 3

// options are the flags.
type options struct {
	engine  string
	listen  string // address of the first server
	path    string // parent of the directories of the servers
	program string // a server of ours
	more    []string

	takeovers int           // of each kind
	patience  time.Duration // for them
	json      bool
}

func main() {
	runtime.LockOSThread() // the processes end with the thread that has started them
	var o options
	flag.StringVar(&o.engine, "engine", "postgres", "`engine` that keeps the shared log: "+engineNames())
	join := flag.Int("join", 0, "measure how long a new server takes to have this number of `events`")
	flag.IntVar(&o.takeovers, "takeover", 0, "measure takeovers, this number `of each kind`, and lag")
	flag.DurationVar(&o.patience, "for", 5*time.Minute, "with -takeover, the `time` after which no further fault is caused")
	flag.BoolVar(&o.json, "json", false, "with -takeover, print all samples in JSON")
	version := flag.Bool("version", false, "print what is run")
	flag.Parse()
	if *version {
		fmt.Printf("%d servers of ours that share a log\n", count)
		return
	}
	if err := o.parse(flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "replicas:", err)
		os.Exit(2)
	}
	work := func() error { return run(&o) }
	if *join > 0 {
		work = func() error { return measureJoin(&o, *join) }
	} else if o.takeovers > 0 {
		work = func() error { return measureTakeovers(&o) }
	}
	if err := work(); err != nil {
		fmt.Fprintln(os.Stderr, "replicas:", err)
		os.Exit(1)
	}
}

// parse parses the arguments: the program, its own flags, and those that the benchmark adds.
func (o *options) parse(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("the program of the servers is missing")
	}
	o.program = args[0]
	for i := 1; i < len(args); i++ {
		switch {
		case args[i] == "--listen" && i+1 < len(args):
			i++
			o.listen = args[i]
		case args[i] == "--db-path" && i+1 < len(args):
			i++
			o.path = args[i]
		default:
			o.more = append(o.more, args[i])
		}
	}
	if o.path == "" {
		return fmt.Errorf("--db-path is missing")
	}
	if engines[o.engine] == nil {
		return fmt.Errorf("unknown engine %q: it must be one of %s", o.engine, engineNames())
	}
	return nil
}

// createLog creates the shared log. If the servers were run before, with an engine that has gone, it
// starts after the events of the first one, from which the others read them.
func createLog(o *options, url string) error {
	first := filepath.Join(o.path, "0")
	commands := [][]string{{"cluster", "create", "--log", url}}
	if _, err := os.Stat(first); err == nil {
		commands = [][]string{{"cluster", "detach", "--db-path", first}, {"cluster", "create", "--log", url, "--from", first}}
		for i := 1; i < count; i++ {
			if err := os.RemoveAll(filepath.Join(o.path, fmt.Sprint(i))); err != nil {
				return err
			}
		}
	}
	for _, args := range commands {
		if output, err := exec.Command(o.program, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("umadb %s: %w; it printed: %s", strings.Join(args[:2], " "), err, output)
		}
	}
	return nil
}

// run runs the engine and the servers until SIGTERM.
func run(o *options) (err error) {
	ended, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	life := &lifetime{}
	defer life.end(&err)
	url := engines[o.engine](life).url
	if err := createLog(o, url); err != nil {
		return err
	}
	var exited []<-chan struct{}
	for i := count - 1; i >= 0; i-- { // the first one last: when it listens, all do
		address := o.listen
		if i > 0 {
			var release func()
			if address, release, err = servertest.ReserveAddress(); err != nil {
				return err
			}
			life.Cleanup(release)
		}
		args := append([]string{"serve", "--listen", address, "--db-path", filepath.Join(o.path, fmt.Sprint(i)), "--log", url, "--advertise", "http://" + address}, o.more...)
		server, err := servertest.StartListener(ended, exec.Command(o.program, args...), address)
		if err != nil {
			return err
		}
		life.Cleanup(func() {
			if err := server.Stop(); err != nil {
				life.Errorf("server %d: %v; it printed: %s", i, err, server.Output)
			}
		})
		exited = append(exited, server.Exited())
	}
	select {
	case <-ended.Done():
	case <-exited[0]:
	case <-exited[1]:
	case <-exited[2]:
	}
	return nil
}
