package main

import (
	"context"
	"fmt"

	"github.com/umadb-go/umadb/internal/servertest"
)

// kind is a kind of server: how it is started and called.
type kind interface {
	// start starts a command on a store directory, which may not exist yet, and returns
	// when the server accepts connections at the address.
	start(ctx context.Context, command []string, address, store string) (running, error)

	// connect opens a connection with a client for each of the data, which is that of the
	// client's events. The connection is closed when ctx is done, at the latest.
	connect(ctx context.Context, address string, data [][]byte) ([]client, error)
}

// running is a server that accepts connections.
type running interface {
	PID() int
	Stop() error
}

// process is a running server with its address.
type process struct {
	running
	kind    kind
	address string
	release func() // releases the address
}

// startServer starts a server on a store directory and returns when it accepts
// connections. The caller stops it. Not every server reports its port, so the address is
// reserved.
func startServer(ctx context.Context, s server, store string) (*process, error) {
	address, release, err := servertest.ReserveAddress()
	if err != nil {
		return nil, err
	}
	p, err := s.kind.start(ctx, s.command, address, store)
	if err != nil {
		release()
		return nil, err
	}
	return &process{p, s.kind, address, release}, nil
}

// stop stops the server with SIGTERM.
func (p *process) stop() error {
	defer p.release()
	if err := p.Stop(); err != nil {
		if server, ok := p.running.(*servertest.Process); ok {
			err = fmt.Errorf("%w; it printed: %s", err, server.Output)
		}
		return fmt.Errorf("server: %w", err)
	}
	return nil
}
