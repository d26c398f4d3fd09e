package client_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
)

// relay forwards connections to a server until it stalls: then it closes them, and accepts
// new ones without sending anything.
type relay struct {
	address string
	mu      sync.Mutex
	stalled bool
	conns   []net.Conn
}

func newRelay(t *testing.T, server string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{address: listener.Addr().String()}
	t.Cleanup(func() { listener.Close(); r.stall() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			r.pass(conn, server)
		}
	}()
	return r
}

func (r *relay) pass(conn net.Conn, server string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns = append(r.conns, conn)
	if r.stalled {
		return
	}
	onwards, err := net.Dial("tcp", server)
	if err != nil {
		conn.Close()
		return
	}
	r.conns = append(r.conns, onwards)
	go io.Copy(conn, onwards)
	go io.Copy(onwards, conn)
}

func (r *relay) stall() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stalled = true
	for _, conn := range r.conns {
		conn.Close()
	}
}

func TestErrorOfStalledServerDoesNotMentionTLS(t *testing.T) {
	transport, caFile := newCertificate(t)
	for scheme, options := range map[string][]grpc.ServerOption{"http": nil, "https": {grpc.Creds(transport)}} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			s := newWaitingServer()
			s.start(t, "127.0.0.1:0", options...)
			r := newRelay(t, strings.TrimPrefix(s.url, "http://"))
			c := dial(t, scheme+"://"+r.address, &client.Options{ConnectTimeout: 3 * time.Second, CAFile: caFile})
			if _, err := c.CheckHealth(within(t, patience), ""); err != nil {
				t.Fatal(err)
			}
			r.stall()
			var err error
			for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
				// The open connection breaks; later connections receive nothing.
				_, err = c.CheckHealth(within(t, patience), "")
				if !errors.Is(err, dcb.ErrTransport) || strings.Contains(err.Error(), "TLS") {
					t.Fatalf("the error is %v", err)
				}
				if err.Error() == "transport error: the server does not respond" {
					return
				}
			}
			t.Errorf("the last error is %v", err)
		})
	}
}
