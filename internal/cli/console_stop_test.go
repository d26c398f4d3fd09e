package cli_test

import (
	"io"
	"net"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
)

// A client of the console that does not read its answer does not make a stopping server fail.
func TestServeStopsWithUnreadAnswer(t *testing.T) {
	server := start(t, "--db-path", filepath.Join(t.TempDir(), "uma.db"), "--console", "127.0.0.1:0")
	pages, found := server.Output.AwaitMessage(t.Context(), "serving the console")
	if !found {
		t.Fatalf("there is no console: %s", server.Output)
	}
	dial(t, server.address, func(c *client.Client) {
		for range 8 { // more than the buffers of a connection
			if _, err := c.Append(t.Context(), []dcb.Event{{Type: "A", Data: make([]byte, 3<<20)}}, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
	})
	conn, err := net.Dial("tcp", pages)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "GET /v1/events HTTP/1.1\r\nHost: "+pages+"\r\n\r\n")
	if _, err := io.ReadFull(conn, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	server.Signal(syscall.SIGTERM)
	if code := exit(t, server.Process); code != 0 {
		t.Errorf("exit code %d, log:\n%s", code, server.Output)
	}
}
