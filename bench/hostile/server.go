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
	startTimeout = 60 * time.Second
	// killAfter is the time from SIGTERM until a server is killed.
	killAfter = 60 * time.Second
	apiKey    = "the key of the steady client"
)

// serverOptions are the options of the server for an attack.
type serverOptions struct {
	files int  // limit of file descriptors; 0 for the limit of this process
	open  bool // no API key without TLS
}

// server is a running server.
type server struct {
	target
	cmd    *exec.Cmd
	group  memoryGroup
	log    string        // file with its output
	exited chan struct{} // closed when the process is gone

	peak   atomic.Int64 // resident memory, in bytes
	now    atomic.Int64
	killed atomic.Bool // by the harness, because of its memory
}

// startServer starts a server with a new directory in dir and returns when it
// accepts connections. The caller must stop it. identity is nil without TLS.
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

// freeAddress returns a loopback address with a free port.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

// environment returns the environment of this process without settings of the
// server.
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
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.Address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("server did not start: %w", ctx.Err())
		case <-s.exited:
			return errors.New("server exited during startup")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// observe updates the memory figures until the server has exited. Without a control
// group it kills a server that exceeds the memory limit.
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

// gone reports whether the server has exited.
func (s *server) gone() bool {
	select {
	case <-s.exited:
		return true
	default:
		return false
	}
}

// stop sends SIGTERM and returns the time until the server has exited. It fails if
// the server has exited before.
func (s *server) stop() (time.Duration, error) {
	defer s.group.remove()
	if s.gone() {
		return 0, fmt.Errorf("server had exited: %s; it printed: %s", s.ending(), s.printed())
	}
	start := time.Now()
	s.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(killAfter, func() { s.cmd.Process.Kill() })
	defer timer.Stop()
	<-s.exited
	if !s.cmd.ProcessState.Success() {
		return time.Since(start), fmt.Errorf("server exited with %s; it printed: %s", s.ending(), s.printed())
	}
	return time.Since(start), nil
}

// ending describes how the process exited.
func (s *server) ending() string {
	if s.killed.Load() {
		return "killed for using more than 1 GiB of memory"
	}
	return s.cmd.ProcessState.String()
}

// printed returns the last warnings and errors in the server's log.
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
