package cli

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/admin"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// acceptedConns is a listener that passes on the connections that it has accepted.
type acceptedConns struct {
	net.Listener
	conns chan net.Conn
}

func (l *acceptedConns) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.conns <- conn
	}
	return conn, err
}

// What a server has proved does not hold for the next connection to its address.
func TestGroupsOfAPeerAreOfOneConnection(t *testing.T) {
	opened, err := store.Open("/store", &store.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := opened.Append(t.Context(), []dcb.Event{{Type: "T"}}, nil, nil); err != nil {
		t.Fatal(err)
	}
	srv, err := server.New(opened, server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	admin.Register(srv, opened, admin.Version{})
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener, served := &acceptedConns{tcp, make(chan net.Conn, 8)}, make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	defer func() {
		if err := errors.Join(srv.Shutdown(context.Background()), <-served, opened.Close()); err != nil {
			t.Error(err)
		}
	}()

	p, err := peers{new(peerFlags), func() string { return "" }}.Open(t.Context(), "http://"+tcp.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	groups := func() (n int, err error) {
		for _, err := range p.Groups(t.Context(), eventlog.GroupID{}) {
			if err != nil {
				return n, err
			}
			n++
		}
		return n, nil
	}
	for range 2 {
		if n, err := groups(); n != 1 || err != nil {
			t.Errorf("over the first connection: %d groups, %v", n, err)
		}
	}
	(<-listener.conns).Close()
	for range 2 { // the first one may notice that the connection is closed
		if n, err := groups(); n != 0 || !errors.Is(err, dcb.ErrTransport) {
			t.Errorf("over another connection: %d groups, %v", n, err)
		}
	}
}
