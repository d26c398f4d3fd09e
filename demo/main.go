// Command demo shows the features of an UmaDB server. It starts a server with a temporary
// directory, enrols students in a course through a client, and prints what happens at each
// step.
//
//	go run ./demo bin/umadb
//
// With -console the server continues at the end, with web pages that show what has happened.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/umadb-go/umadb/client"
)

const usage = "usage: go run ./demo [-console] PROGRAM, such as bin/umadb"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	keep := flag.Bool("console", false, "keep the server and its console open at the end, until Ctrl-C")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(ctx, flag.Arg(0), *keep); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, program string, keep bool) error {
	temporary, err := os.MkdirTemp("", "umadb-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	dir := filepath.Join(temporary, "uma.db")
	heading("A server")
	server, err := startServer(program, dir, keep)
	if err != nil {
		return err
	}
	defer server.kill()
	say("%s serves %s at %s", program, dir, server.url)
	enrolling, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := enrolStudents(enrolling, server); err != nil {
		return err
	}
	if keep {
		heading("The console")
		say("open %s to see Bob's rejected enrolment and why it was rejected", server.console)
		say("press Ctrl-C to end the demo")
		<-ctx.Done() // a terminal has sent Ctrl-C to the server too, which regards both signals as one
	}
	if err := end(context.WithoutCancel(ctx), server, program, dir); err != nil {
		return err
	}
	if !keep {
		say("to look at all this in a web browser: go run ./demo -console %s", program)
	}
	return nil
}

// enrolStudents runs all scenes with a server.
func enrolStudents(ctx context.Context, server *server) error {
	store, err := client.Dial(server.url, nil)
	if err != nil {
		return err
	}
	defer store.Close()
	s := scenario{store: store}
	for _, scene := range []struct {
		title string
		run   func(context.Context) error
	}{
		{"A decision: read, decide, append on condition", s.annEnrols},
		{"A conflict: the decision was based on an old state", s.bobIsTooLate},
		{"A retry: the response was lost, the append is sent again", s.annIsSentAgain},
		{"A rule: the course is full", s.courseIsFull},
		{"A subscription: stored events, then new ones", s.subscribe},
		{"Tracking: an upstream event is processed exactly once", s.paymentArrivesTwice},
	} {
		heading(scene.title)
		if err := scene.run(ctx); err != nil {
			return err
		}
	}
	return nil
}

// end stops the server and checks the store.
func end(ctx context.Context, server *server, program, dir string) error {
	heading("The end")
	if err := server.stop(); err != nil {
		return err
	}
	say("after SIGTERM, the server completed all calls in progress and exited with 0")
	return checkStore(ctx, program, dir)
}

func heading(title string) { fmt.Printf("\n%s\n", title) }

func say(format string, args ...any) { fmt.Printf("  "+format+"\n", args...) }
