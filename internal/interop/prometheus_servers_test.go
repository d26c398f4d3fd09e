package interop_test

import (
	"context"
	"log/slog"
	"net"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/umadb-go/umadb/client"
	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/monitoring"
	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/servertest"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// monitored is a server with metrics.
type monitored struct {
	name, dir string
	disk      *faultyDisk // of a server in this process; nil for one that is a process
	log       *faultyLog  // of a server in this process with a shared log; otherwise nil
	flags     []string
	metrics   string // address of the metrics, also after a restart
	ca        string // file with the CA certificate, or empty without TLS
	url       string
	process   *servertest.Process
}

// newMonitored returns a server that is not started.
func newMonitored(t *testing.T, name string, flags ...string) *monitored {
	t.Helper()
	return &monitored{name: name, dir: filepath.Join(t.TempDir(), "uma.db"), flags: flags, metrics: servertest.Address(t)}
}

// newFaulty returns a server in this process that is not started, on a disk with faults.
func newFaulty(t *testing.T, name string) *monitored {
	t.Helper()
	m := newMonitored(t, name)
	m.disk = new(faultyDisk)
	return m
}

// start starts the server, also again.
func (m *monitored) start(t *testing.T) {
	t.Helper()
	if m.disk != nil || m.log != nil {
		m.serve(t)
		return
	}
	program, err := buildServer()
	if err != nil {
		t.Fatal(err)
	}
	flags := append([]string{"--db-path", m.dir, "--metrics", m.metrics}, m.flags...)
	process, address, err := servertest.StartOnFreePort(t.Context(), exec.Command(program, flags...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(process.Kill)
	m.process, m.url = process, "http://"+address
	if m.ca != "" {
		m.url = "https://" + address
	}
}

// serve starts the server in this process.
func (m *monitored) serve(t *testing.T) {
	t.Helper()
	opened, err := m.open(t)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.Close() })
	srv, err := server.New(opened, server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	clients, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.url = "http://" + clients.Addr().String()
	served := make(chan error, 1)
	go func() { served <- srv.Serve(clients) }()
	t.Cleanup(func() {
		srv.Shutdown(context.Background())
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	scrapes, err := net.Listen("tcp", m.metrics)
	if err != nil {
		t.Fatal(err)
	}
	monitor := monitoring.Start(scrapes, monitoring.Options{
		Store: opened, Server: srv, Exemplars: new(monitoring.Exemplars), Logger: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(monitor.Stop)
}

// open opens the store of a server in this process.
func (m *monitored) open(t *testing.T) (*store.Store, error) {
	if m.log != nil {
		return m.log.open(t, m.dir)
	}
	const few = 100 // events of an index block, so that there are several soon
	return store.Open(m.dir, &store.Options{FS: vfs.Observe(vfs.OS{}, m.disk.before), BlockEvents: few})
}

// faultyDisk is a disk on which operations can take long or fail.
type faultyDisk struct {
	fault atomic.Pointer[func(vfs.Op) error]
}

// before is called before each operation.
func (d *faultyDisk) before(op vfs.Op) error {
	if fault := d.fault.Load(); fault != nil {
		return (*fault)(op)
	}
	return nil
}

// breaks calls a function before each operation of a kind in a directory of the store until the
// returned function is called, or the test ends. The operation fails with the error of the
// function.
func (d *faultyDisk) breaks(t *testing.T, kind, directory string, fault func() error) (mend func()) {
	d.fault.Store(new(func(op vfs.Op) error {
		if op.Kind == kind && filepath.Base(filepath.Dir(op.Name)) == directory {
			return fault()
		}
		return nil
	}))
	mend = func() { d.fault.Store(nil) }
	t.Cleanup(mend)
	return mend
}

// hangs lets each operation of a kind in a directory of the store wait until the returned
// function is called, or the test ends.
func (d *faultyDisk) hangs(t *testing.T, kind, directory string) (mend func()) {
	released := make(chan struct{})
	end := d.breaks(t, kind, directory, func() error { <-released; return nil })
	mend = sync.OnceFunc(func() { end(); close(released) })
	t.Cleanup(mend)
	return mend
}

// dial connects a client to the server.
func (m *monitored) dial(t *testing.T) dcb.EventStore {
	t.Helper()
	store, err := client.Dial(m.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// repeat calls a function again and again until the returned function is called, or the test
// ends.
func repeat(t *testing.T, call func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			call(ctx)
		}
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}
