//go:build linux

package chaos

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// echo starts a server that returns what it receives, with a link to it.
func echo(t *testing.T) *link {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(conn, conn); conn.Close() }()
		}
	}()
	return newLink(t, dialTCP(listener.Addr().String()))
}

func connect(t *testing.T, l *link) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", l.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func send(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

// receive returns n bytes, or what arrived until an error.
func receive(conn net.Conn, n int, patience time.Duration) (string, error) {
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	buffer := make([]byte, n)
	n, err := io.ReadFull(conn, buffer)
	return string(buffer[:n]), err
}

const (
	enough = 30 * time.Second       // for what must arrive
	short  = 100 * time.Millisecond // for what must not
)

func TestLinkHoldsBytesBack(t *testing.T) {
	for _, faulty := range []struct {
		name string
		hold func(*link)
	}{
		{"both directions", (*link).cut},
		{"to the server", func(l *link) { l.set(up, flow{held: true}) }},
		{"to the client", func(l *link) { l.set(down, flow{held: true}) }},
	} {
		t.Run(faulty.name, func(t *testing.T) {
			l := echo(t)
			conn := connect(t, l)
			send(t, conn, "ab")
			if got, err := receive(conn, 2, enough); got != "ab" {
				t.Fatalf("received %q, %v", got, err)
			}
			faulty.hold(l)
			send(t, conn, "cd")
			if got, err := receive(conn, 2, short); got != "" || !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("received %q, %v during the fault", got, err)
			}
			send(t, conn, "ef")
			l.heal()
			if got, err := receive(conn, 4, enough); got != "cdef" {
				t.Fatalf("received %q, %v afterwards", got, err)
			}
		})
	}
}

func TestLinkDelaysBytes(t *testing.T) {
	l := echo(t)
	conn := connect(t, l)
	const delay = 50 * time.Millisecond
	l.set(up, flow{delay: delay})
	l.set(down, flow{delay: delay})
	since := time.Now()
	send(t, conn, "ab")
	if got, err := receive(conn, 2, enough); got != "ab" || time.Since(since) < 2*delay {
		t.Fatalf("received %q, %v after %v", got, err, time.Since(since))
	}
}

func TestLinkEndsConnections(t *testing.T) {
	l := echo(t)
	conn := connect(t, l)
	send(t, conn, "ab")
	if _, err := receive(conn, 2, enough); err != nil {
		t.Fatal(err)
	}
	l.reset()
	if got, err := receive(conn, 1, enough); got != "" || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("received %q, %v after a reset", got, err)
	}
	l.close()
	if conn, err := net.Dial("tcp", l.address); err == nil {
		conn.Close()
		t.Error("a closed link accepts a connection")
	}
	if err := l.open(); err != nil {
		t.Fatal(err)
	}
	conn = connect(t, l)
	send(t, conn, "ab")
	if got, err := receive(conn, 2, enough); got != "ab" {
		t.Fatalf("received %q, %v when open again", got, err)
	}
}

func TestLinkHidesAnEndFromClients(t *testing.T) {
	l := echo(t)
	conn := connect(t, l)
	send(t, conn, "ab")
	if _, err := receive(conn, 2, enough); err != nil {
		t.Fatal(err)
	}
	l.halfOpen()
	send(t, conn, "cd")
	if got, err := receive(conn, 1, short); got != "" || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("received %q, %v", got, err)
	}
	other := connect(t, l)
	send(t, other, "ef")
	if got, err := receive(other, 2, enough); got != "ef" {
		t.Fatalf("another connection received %q, %v", got, err)
	}
	l.reset()
	if got, err := receive(conn, 1, enough); got != "" || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("received %q, %v after a reset", got, err)
	}
}
