// Command demo shows the features of an UmaDB server. It starts a server with a temporary
// directory, enrols students in a course through a client, and prints what happens at each
// step.
//
//	go run ./demo bin/umadb
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/umadb-go/umadb/client"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return errors.New("pass the umadb program as the only argument, as in: go run ./demo bin/umadb")
	}
	temporary, err := os.MkdirTemp("", "umadb-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	return enrolStudents(ctx, args[0], filepath.Join(temporary, "uma.db"))
}

// enrolStudents runs all scenes with a server, and then checks the store.
func enrolStudents(ctx context.Context, program, dir string) (err error) {
	heading("A server")
	server, err := startServer(ctx, program, dir)
	if err != nil {
		return err
	}
	defer server.kill()
	say("%s serves %s at %s", program, dir, server.url)

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

	heading("The end")
	if err := server.stop(); err != nil {
		return err
	}
	say("after SIGTERM, the server completed all calls in progress and exited with 0")
	return checkStore(ctx, program, dir)
}

func heading(title string) { fmt.Printf("\n%s\n", title) }

func say(format string, args ...any) { fmt.Printf("  "+format+"\n", args...) }
