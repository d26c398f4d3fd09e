package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/umadb-go/umadb/internal/servertest"
)

const apiKey = "the key of the steady client"

// serverOptions are the options of the server for an attack.
type serverOptions struct {
	files int  // limit of file descriptors; 0 for the limit of this process
	open  bool // no API key without TLS
}

// server is a running server.
type server struct {
	target
	*servertest.Process
	group memoryGroup

	peak   atomic.Int64 // resident memory, in bytes
	now    atomic.Int64
	killed atomic.Bool // by the harness, because of its memory
}

// startServer starts a server with a new directory in dir and returns when it
// accepts connections. The caller must stop it. identity is nil without TLS.
func startServer(ctx context.Context, program, dir string, o serverOptions, identity *servertest.Certificate) (*server, error) {
	s := &server{group: newMemoryGroup()}
	args := []string{program, "serve", "--db-path", filepath.Join(dir, "uma.db")}
	if identity != nil {
		s.CAFile = identity.CA
		args = append(args, "--tls-cert", identity.Cert, "--tls-key", identity.Key)
	}
	if identity != nil || !o.open {
		s.Key = apiKey
		args = append(args, "--api-key", apiKey)
	}
	args = s.group.command(o.files, args)
	var err error
	if s.Process, s.Address, err = servertest.StartOnFreePort(ctx, exec.Command(args[0], args[1:]...)); err != nil {
		s.group.remove()
		return nil, err
	}
	go s.observe()
	return s, nil
}

// observe updates the memory figures until the server has exited. Without a control
// group it kills a server that exceeds the memory limit.
func (s *server) observe() {
	for {
		select {
		case <-s.Exited():
			return
		case <-time.After(50 * time.Millisecond):
		}
		u, err := readUsage(s.PID())
		if err != nil || u.resident == 0 {
			continue
		}
		s.now.Store(u.resident)
		s.peak.Store(u.peak)
		if s.group.dir == "" && u.resident > memoryLimit {
			s.killed.Store(true)
			s.Kill()
		}
	}
}

// gone reports whether the server has exited.
func (s *server) gone() bool {
	select {
	case <-s.Exited():
		return true
	default:
		return false
	}
}

// stop sends SIGTERM and returns the time until the server has exited. It fails if
// the server has exited before.
func (s *server) stop() (time.Duration, error) {
	defer s.group.remove()
	start := time.Now()
	err := s.Stop()
	took := time.Since(start)
	switch {
	case err == nil:
		return took, nil
	case s.killed.Load():
		return took, errors.New("server was killed for using more than 1 GiB of memory")
	default:
		return took, fmt.Errorf("server: %w; its last warnings: %s", err, lastWarnings(s.Output.String()))
	}
}

// lastWarnings returns the last warnings and errors in the log of a server, and what
// is not a line of its log, such as a panic.
func lastWarnings(log string) string {
	const most = 5
	lines := strings.Split(strings.TrimSpace(strings.ToValidUTF8(log, "?")), "\n")
	lines = slices.DeleteFunc(lines, func(line string) bool { return strings.Contains(line, `"level":"INFO"`) })
	return strings.Join(lines[max(0, len(lines)-most):], " | ")
}
