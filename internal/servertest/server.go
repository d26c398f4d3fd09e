package servertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"time"
)

// startTimeout is the maximum time until a server listens. At startup the released
// server writes 256 MiB.
const startTimeout = 60 * time.Second

// StartUmaDB starts a command of a server, of this project or released, which listens on
// a reserved address. It returns when the server prints, as both do, that clients can
// connect. A connection would not prove that: before it opens the store, our server opens
// the port for a moment, to find out whether it can.
func StartUmaDB(ctx context.Context, cmd *exec.Cmd) (*Process, error) {
	return start(ctx, cmd, func(ctx context.Context, p *Process) bool {
		return p.Output.Await(ctx, func(output string) bool { return strings.Contains(output, "UmaDB started") })
	})
}

// StartOnFreePort starts a command of this project's server on a port of 127.0.0.1 that
// the operating system assigns, and returns its address when it listens. The log of the
// server is in JSON.
func StartOnFreePort(ctx context.Context, cmd *exec.Cmd) (p *Process, address string, err error) {
	cmd.Args = append(cmd.Args, "--listen", "127.0.0.1:0", "--log-format", "json")
	p, err = start(ctx, cmd, func(ctx context.Context, p *Process) (listens bool) {
		address, listens = p.Output.AwaitAddress(ctx)
		return listens
	})
	return p, address, err
}

// StartListener starts a command of any program, such as a proxy, and returns when it
// accepts connections at the address, which is reserved.
func StartListener(ctx context.Context, cmd *exec.Cmd, address string) (*Process, error) {
	return start(ctx, cmd, func(ctx context.Context, p *Process) bool { return p.accepts(ctx, address) })
}

// start starts a server and calls listens, which waits until it accepts connections
// and returns false if it exits or ctx is done before.
func start(ctx context.Context, cmd *exec.Cmd, listens func(context.Context, *Process) bool) (*Process, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	p, err := Start(cmd)
	if err != nil {
		return nil, err
	}
	if listens(ctx, p) {
		return p, nil
	}
	err = errors.New("the server exited during startup")
	if ctx.Err() != nil {
		err = fmt.Errorf("the server did not start: %w", ctx.Err())
	}
	p.Kill()
	return nil, fmt.Errorf("%w; it printed: %s", err, p.Output.end())
}

// AwaitAddress waits for the address that a server of this project writes to its log,
// in JSON, when it listens. It returns false if the process exits or ctx is done before.
func (o *Output) AwaitAddress(ctx context.Context) (address string, listens bool) {
	return o.AwaitMessage(ctx, "listening")
}

// AwaitMessage waits for a message with an address in the log, in JSON, of a server of this
// project. It returns false if the process exits or ctx is done before.
func (o *Output) AwaitMessage(ctx context.Context, message string) (address string, found bool) {
	found = o.Await(ctx, func(output string) bool {
		for line := range strings.Lines(output) {
			var entry struct{ Msg, Address string }
			if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == message {
				address = entry.Address
				return true
			}
		}
		return false
	})
	return address, found
}

// accepts waits until the address accepts connections. It returns false if the process
// exits or ctx is done before.
func (p *Process) accepts(ctx context.Context, address string) bool {
	retry := time.NewTicker(5 * time.Millisecond)
	defer retry.Stop()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			conn.Close()
		}
		select {
		case <-p.exited: // what accepted is another process
			return false
		case <-ctx.Done():
			return false
		default:
		}
		if err == nil {
			return true
		}
		select {
		case <-p.exited:
			return false
		case <-ctx.Done():
			return false
		case <-retry.C:
		}
	}
}
