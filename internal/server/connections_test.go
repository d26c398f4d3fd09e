package server

import (
	"bytes"
	"errors"
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
