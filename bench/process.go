package main

import (
	"context"
	"fmt"
	"os/exec"

	"github.com/umadb-go/umadb/internal/servertest"
)

// process is a running server.
type process struct {
	*servertest.Process
	address string
	release func() // releases the address
}

// startServer starts a server on a store directory and returns when it accepts
// connections. The caller stops it. All servers get the same flags, and the released
// one does not report its port, so the address is reserved. Old versions of our server
// do not print that they have started; dial waits until it can connect.
func startServer(ctx context.Context, s server, store string) (*process, error) {
	address, release, err := servertest.ReserveAddress()
	if err != nil {
		return nil, err
	}
	args := append(s.command[1:len(s.command):len(s.command)], "--listen", address, "--db-path", store)
	p, err := servertest.StartListener(ctx, exec.Command(s.command[0], args...), address)
	if err != nil {
		release()
		return nil, err
	}
	return &process{p, address, release}, nil
}

// stop stops the server with SIGTERM.
func (p *process) stop() error {
	defer p.release()
	if err := p.Stop(); err != nil {
		return fmt.Errorf("server: %w; it printed: %s", err, p.Output)
	}
	return nil
}
