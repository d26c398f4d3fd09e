package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
)

// server is a running umadb.
type server struct {
	url     string
	console string // URL of the console; empty without one
	process *exec.Cmd
	log     chan struct{} // closed at the end of the log
}

// startServer starts umadb on a free port, perhaps with a console, and reads the addresses from its
// log.
func startServer(program, dir string, console bool) (*server, error) {
	args := []string{"serve", "--db-path", dir, "--listen", "127.0.0.1:0", "--log-format", "json"}
	if console {
		args = append(args, "--console", "127.0.0.1:0")
	}
	process := exec.Command(program, args...)
	stderr, err := process.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := process.Start(); err != nil {
		return nil, err
	}
	s := &server{process: process, log: make(chan struct{})}
	lines := bufio.NewScanner(stderr)
	var log strings.Builder
	for lines.Scan() {
		var entry struct{ Msg, Address string }
		if json.Unmarshal(lines.Bytes(), &entry) == nil {
			switch entry.Msg {
			case "listening":
				s.url = "http://" + entry.Address
			case "serving the console":
				s.console = "http://" + entry.Address
			}
		}
		if s.url != "" && (s.console != "" || !console) {
			go func() {
				io.Copy(io.Discard, stderr)
				close(s.log)
			}()
			return s, nil
		}
		log.WriteString(lines.Text() + "\n")
	}
	return nil, fmt.Errorf("the server did not start: %w\n%s", process.Wait(), log.String())
}

// stop stops the server with SIGTERM and returns an error unless it exits with 0.
func (s *server) stop() error {
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	<-s.log
	return s.process.Wait()
}

// kill kills the server. After stop it does nothing.
func (s *server) kill() {
	if s.process.ProcessState == nil {
		s.process.Process.Kill()
		<-s.log
		s.process.Wait()
	}
}

// checkStore verifies the store with umadb check.
func checkStore(ctx context.Context, program, dir string) error {
	output, err := exec.CommandContext(ctx, program, "check", "--db-path", dir).Output()
	for line := range strings.Lines(string(output)) {
		say("%s", strings.TrimSpace(line))
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("the check failed: %s", exit.Stderr)
	}
	return err
}
