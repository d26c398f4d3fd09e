package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	startPatience = 60 * time.Second
	// killAfter is how long after SIGTERM a server is killed.
	killAfter = 60 * time.Second
	apiKey    = "the key of the steady client"
)

// serverOptions are what an attack asks of the server.
type serverOptions struct {
	files int  // limit of its descriptors; 0 for that of this process
	open  bool // without an API key where there is no TLS
}

// server is a running server.
type server struct {
	target
	cmd    *exec.Cmd
	group  memoryGroup
	log    string        // the file that holds what it prints
	exited chan struct{} // closed when the process is gone

	peak   atomic.Int64 // resident memory, in bytes
	now    atomic.Int64
	killed atomic.Bool // by the harness, for its memory
}

// startServer starts a server on a new directory in dir and returns when it
// accepts connections. The caller stops it. identity is nil without TLS.
func startServer(ctx context.Context, program, dir string, o serverOptions, identity *identity) (*server, error) {
	s := &server{exited: make(chan struct{}), log: filepath.Join(dir, "server.log")}
	var err error
	if s.Address, err = freeAddress(); err != nil {
		return nil, err
	}
	args := []string{program, "serve", "--listen", s.Address, "--db-path", filepath.Join(dir, "uma.db")}
	if identity != nil {
		s.CAFile = identity.certificate
		args = append(args, "--tls-cert", identity.certificate, "--tls-key", identity.key)
	}
	if identity != nil || !o.open {
		s.Key = apiKey
		args = append(args, "--api-key", apiKey)
	}
	log, err := os.Create(s.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s.group = newMemoryGroup()
	args = s.group.command(o.files, args)
	s.cmd = exec.Command(args[0], args[1:]...)
	s.cmd.Env = environment()
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = childAttributes()
	if err := s.cmd.Start(); err != nil {
		s.group.remove()
		return nil, err
	}
	go func() {
		s.cmd.Wait()
		close(s.exited)
	}()
	go s.observe()
	if err := s.awaitListening(ctx); err != nil {
		s.stop()
		return nil, fmt.Errorf("%w; it printed: %s", err, s.printed())
	}
	return s, nil
}

// freeAddress is a loopback address that nothing listens on at the moment.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

// environment is that of this process without the server's settings.
func environment() []string {
	var kept []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "UMADB_") {
			kept = append(kept, variable)
		}
	}
	return kept
}

func (s *server) awaitListening(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.Address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server did not start: %w", ctx.Err())
		case <-s.exited:
			return errors.New("the server ended while starting")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// observe keeps the memory figures up to date until the server has ended, and
// kills a server that uses too much if no control group does.
func (s *server) observe() {
	for {
		select {
		case <-s.exited:
			return
		case <-time.After(50 * time.Millisecond):
		}
		u, err := readUsage(s.cmd.Process.Pid)
		if err != nil || u.resident == 0 {
			continue
		}
		s.now.Store(u.resident)
		s.peak.Store(u.peak)
		if s.group.dir == "" && u.resident > memoryLimit {
			s.killed.Store(true)
			s.cmd.Process.Kill()
		}
	}
}

// gone reports whether the server has ended.
func (s *server) gone() bool {
	select {
	case <-s.exited:
		return true
	default:
		return false
	}
}

// stop sends SIGTERM, unless the server has ended already, and returns how long
// it took to end.
func (s *server) stop() (time.Duration, error) {
	defer s.group.remove()
	if s.gone() {
		return 0, fmt.Errorf("the server had ended by itself: %s; it printed: %s", s.ending(), s.printed())
	}
	begun := time.Now()
	s.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(killAfter, func() { s.cmd.Process.Kill() })
	defer timer.Stop()
	<-s.exited
	if !s.cmd.ProcessState.Success() {
		return time.Since(begun), fmt.Errorf("the server ended with %s; it printed: %s", s.ending(), s.printed())
	}
	return time.Since(begun), nil
}

// ending describes how the process ended.
func (s *server) ending() string {
	if s.killed.Load() {
		return "killed for using more than 1 GiB of memory"
	}
	return s.cmd.ProcessState.String()
}

// printed is the last of what the server warned of.
func (s *server) printed() string {
	const most = 5
	text, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(strings.ToValidUTF8(string(text), "?")), "\n")
	lines = slices.DeleteFunc(lines, func(line string) bool { return strings.Contains(line, "level=INFO") })
	return strings.Join(lines[max(0, len(lines)-most):], " | ")
}
