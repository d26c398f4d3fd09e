package client_test

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/servertest"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// node is a server of a shared log. Clients reach it through a proxy, which can fail alone.
type node struct {
	engine  *fakelog.Engine
	address string // of the proxy
	disk    vfs.FS

	log    *fakelog.Client // of the current store
	store  *store.Store
	server *server.Server
	served chan error
	direct string // address of the server

	mu       sync.Mutex
	listener net.Listener // guarded by mu; of the proxy, nil while it refuses connections
	conns    []net.Conn   // guarded by mu; through the proxy
}

// newNodes starts servers of a new shared log. Their reads do not ask the log, so a client
// depends on the positions that it sends.
func newNodes(t *testing.T, count int) (nodes []*node) {
	t.Helper()
	engine := fakelog.New(fakelog.Options{})
	if _, err := engine.Connect().Create(t.Context(), sharedlog.Origin{Log: sharedlog.ID{1}, Store: sharedlog.ID{2}}); err != nil {
		t.Fatal(err)
	}
	for range count {
		n := &node{engine: engine, address: servertest.Address(t), disk: vfs.NewMem()}
		n.start(t)
		t.Cleanup(func() { n.stop(t) })
		nodes = append(nodes, n)
	}
	return nodes
}

// start starts the server and the proxy.
func (n *node) start(t *testing.T) {
	t.Helper()
	n.log = n.engine.Connect()
	shared, err := store.OpenShared(context.Background(), "/store", &store.Options{FS: n.disk}, store.Shared{Log: n.log, LocalReads: true, MaxStaleness: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	n.store = shared
	if n.server, err = server.New(shared, server.Options{}); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n.direct, n.served = listener.Addr().String(), make(chan error, 1)
	go func() { n.served <- n.server.Serve(listener) }()
	n.refuse(false)
}

// stop cuts all connections, and stops the server without waiting for calls.
func (n *node) stop(t *testing.T) {
	t.Helper()
	n.refuse(true)
	n.cut()
	ended, end := context.WithCancel(context.Background())
	end()
	_ = n.server.Shutdown(ended)
	if err := <-n.served; err != nil {
		t.Error(err)
	}
	if err := n.store.Close(); err != nil {
		t.Error(err)
	}
}

// refuse sets whether the proxy refuses connections.
func (n *node) refuse(refuse bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if refuse && n.listener != nil {
		n.listener.Close()
		n.listener = nil
	}
	if refuse || n.listener != nil {
		return
	}
	listener, err := net.Listen("tcp", n.address)
	if err != nil {
		panic(err)
	}
	n.listener = listener
	go n.accept(listener, n.direct)
}

func (n *node) accept(listener net.Listener, server string) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		onwards, err := net.Dial("tcp", server)
		if err != nil {
			conn.Close()
			continue
		}
		n.mu.Lock()
		n.conns = append(n.conns, conn, onwards)
		n.mu.Unlock()
		for _, pair := range [][2]net.Conn{{conn, onwards}, {onwards, conn}} {
			go func() {
				_, _ = io.Copy(pair[0], pair[1])
				conn.Close()
				onwards.Close()
			}()
		}
	}
}

// cut closes all connections.
func (n *node) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, conn := range n.conns {
		conn.Close()
	}
	n.conns = nil
}
