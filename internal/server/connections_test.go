package server

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"math"
	"net"
	"strings"
	"syscall"
	"testing"
)

// scarce is a listener that fails some times because there are no file descriptors left.
type scarce struct {
	net.Listener
	failures int
}

func (l *scarce) Accept() (net.Conn, error) {
	if l.failures--; l.failures >= 0 {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	one, _ := net.Pipe()
	return one, nil
}

func TestAcceptErrorsAreLogged(t *testing.T) {
	var log bytes.Buffer
	c := newConnections(10, newNotices(slog.New(slog.NewTextHandler(&log, nil))))
	listener := c.limit(&scarce{failures: 1000})
	for range 1000 {
		if _, err := listener.Accept(); !errors.Is(err, syscall.EMFILE) {
			t.Fatal(err)
		}
	}
	if lines := strings.Count(log.String(), "\n"); lines != 1 || !strings.Contains(log.String(), "file descriptors") {
		t.Errorf("logged %q", log.String())
	}
	if conn, err := listener.Accept(); err != nil || len(c.open) != 1 {
		t.Errorf("afterwards: %v", err)
	} else {
		conn.Close()
	}
}

// The transport closes a drained connection for writing first, and finds out by the type
// whether it can.
func TestConnectionIsClosedForWriting(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	accepted, err := newConnections(10, newNotices(slog.New(slog.DiscardHandler))).limit(listener).Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	if err := accepted.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	received := make([]byte, 1)
	if _, err := client.Read(received); !errors.Is(err, io.EOF) {
		t.Errorf("the client reads: %v, want the end", err)
	}
	if _, err := client.Write([]byte{7}); err != nil {
		t.Fatal(err)
	}
	if _, err := accepted.Read(received); err != nil || received[0] != 7 {
		t.Errorf("the server reads %d, %v", received[0], err)
	}
}

func TestConnectionsLeaveFileDescriptorsForStore(t *testing.T) {
	for descriptors, want := range map[int]int{
		0: 4096, 1: 1, 256: 64, 512: 256, 4096: 3840, 4352: 4096, 1 << 20: 4096,
	} {
		if got := connectionsFor(4096, descriptors); got != want {
			t.Errorf("with %d: %d connections, want %d", descriptors, got, want)
		}
	}
}

func TestDefaultsAreScaledByMemory(t *testing.T) {
	for memory, want := range map[int64]int64{
		0: 1000 << 20, math.MaxInt64: 1000 << 20, 1 << 30: 1000 << 20, 4 << 30: 4000 << 20, 1 << 40: 8000 << 20, 512 << 20: 500 << 20, 256 << 20: 250 << 20, 16 << 20: 250 << 20,
	} {
		if got := scaled(1000<<20, memory); got != want {
			t.Errorf("with %d: %d, want %d", memory, got, want)
		}
	}
	if got := DefaultConnections(1 << 40); got != defaultConnections {
		t.Errorf("with much memory: %d connections, want %d", got, defaultConnections)
	}
}
