package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

const (
	startTimeout = 60 * time.Second
	stopTimeout  = 20 * time.Second
)

// process is a running server.
type process struct {
	cmd     *exec.Cmd
	address string
	log     string        // file with its output
	exited  chan struct{} // closed when the process is gone
}

// startServer starts a server on a store directory and returns when it accepts
// connections. The caller stops it.
func startServer(ctx context.Context, s server, store string) (*process, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	p := &process{address: address, log: store + ".log", exited: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	args := append(s.command[1:len(s.command):len(s.command)], "--listen", address, "--db-path", store)
	p.cmd = exec.Command(s.command[0], args...)
	p.cmd.Env = serverEnvironment()
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = childAttributes()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.cmd.Wait()
		close(p.exited)
	}()
	if err := p.awaitListening(ctx); err != nil {
		p.stop()
		return nil, fmt.Errorf("%w; it printed: %s", err, p.printed())
	}
	return p, nil
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

// serverEnvironment returns the environment without settings that only some
// servers would read.
func serverEnvironment() []string {
	var kept []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "UMADB_") {
			kept = append(kept, variable)
		}
	}
	return kept
}

func (p *process) awaitListening(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	var dialer net.Dialer
	for {
		conn, err := dialer.DialContext(ctx, "tcp", p.address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("server did not start: %w", ctx.Err())
		case <-p.exited:
			return errors.New("server exited during startup")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// stop sends SIGTERM to the server, and kills it if it does not exit in time.
func (p *process) stop() error {
	select {
	case <-p.exited:
		return fmt.Errorf("server had exited (%v); it printed: %s", p.cmd.ProcessState, p.printed())
	default:
	}
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
		return nil
	case <-time.After(stopTimeout):
	}
	p.cmd.Process.Kill()
	<-p.exited
	return fmt.Errorf("server was killed: it did not exit within %v of SIGTERM", stopTimeout)
}

// printed returns the end of the server's output.
func (p *process) printed() string {
	const most = 500
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	text = text[max(0, len(text)-most):]
	return strings.TrimSpace(strings.ToValidUTF8(string(text), "?"))
}
