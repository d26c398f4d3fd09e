package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal stops servers and removes directories; a second one kills
	// this process.
	context.AfterFunc(ctx, stop)
	// The client shares the cores with the server that it measures, so it trades
	// memory for CPU time.
	debug.SetGCPercent(400)

	err := bench(ctx, os.Args[1:])
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench runs the command.
func bench(ctx context.Context, args []string) error {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	servers, absent, err := resolveServers(ctx, o.servers, o.cache)
	if err != nil {
		return err
	}
	for _, m := range absent {
		fmt.Fprintf(os.Stderr, "bench: %s is not measured: %s\n", m.Name, m.Reason)
	}
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.dir, "bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	s := setting{Command: recordedCommand(args), Servers: servers, Missing: absent, Parameters: o.parameters()}
	if s.Machine, err = describeMachine(ctx, dir); err != nil {
		return err
	}
	if len(o.growth) > 0 {
		return measureGrowth(ctx, s, &grower{options: o, dir: dir, progress: os.Stderr})
	}
	res := result{setting: s}
	r := runner{options: o, dir: dir, servers: servers, progress: os.Stderr}
	if o.flameDir != "" {
		if r.flames, err = newFlames(ctx, o.flameDir, o.cache); err != nil {
			return err
		}
	}
	if res.Rows, err = r.run(ctx); err != nil {
		return err
	}
	if err := res.write(o.out, o.name); err != nil {
		return err
	}
	return res.failure()
}
