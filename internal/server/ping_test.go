package server_test

import (
	"context"
	"encoding/binary"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/test/bufconn"

	"github.com/umadb-go/umadb/internal/server"
)

// Proxies end a stream on which the server sends nothing: nginx and many others after
// 60 s, some after 30 s.
func TestIdleConnectionIsPinged(t *testing.T) {
	const (
		preface  = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
		settings = "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
		typePing = 6
	)
	synctest.Test(t, func(t *testing.T) {
		s, err := server.New(newMemoryStore(), server.Options{})
		if err != nil {
			t.Fatal(err)
		}
		listener := bufconn.Listen(1 << 16)
		go s.Serve(listener)
		conn, err := listener.DialContext(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, preface+settings); err != nil {
			t.Fatal(err)
		}
		started := time.Now()
		for pinged := false; !pinged; {
			header := make([]byte, 9)
			if _, err := io.ReadFull(conn, header); err != nil {
				t.Fatalf("no ping within %v: %v", time.Since(started), err)
			}
			length := int64(binary.BigEndian.Uint32(header) >> 8)
			if _, err := io.CopyN(io.Discard, conn, length); err != nil {
				t.Fatal(err)
			}
			pinged = header[3] == typePing
		}
		if waited := time.Since(started); waited > 20*time.Second {
			t.Errorf("the first ping was sent after %v", waited)
		}
		conn.Close()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_ = s.Shutdown(ctx)
	})
}
