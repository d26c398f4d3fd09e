package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"syscall"

	"github.com/umadb-go/umadb/internal/admin"
	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/store"
)

// preflight checks the address and the certificate before the store is opened, so that an
// error leaves no new store and does not appear only after minutes of recovery. It closes
// the port again; listen opens it last. Another process may take the port in between, but
// if it stayed open while a large index is rebuilt, clients would wait in the backlog and
// a probe of the port would take the server to be ready.
func (o *serveOptions) preflight() error {
	if err := o.tls.preflight(); err != nil {
		return err
	}
	lis, err := net.Listen("tcp", o.listen)
	if err != nil {
		return explainListen(err)
	}
	return lis.Close()
}

// listen creates the server and then opens its port: a client that can connect is served.
func listen(opened *store.Store, o *serveOptions, logger *slog.Logger) (*server.Server, net.Listener, error) {
	srv, err := server.New(opened, server.Options{
		TLSCertFile:    o.tls.cert,
		TLSKeyFile:     o.tls.key,
		ClientCAFile:   o.tls.clientCA,
		APIKey:         o.apiKey.key,
		Logger:         logger,
		Memory:         o.memory.bytes,
		MaxConnections: o.bounds.connections,
		MaxStreams:     o.bounds.streams,
	})
	if err != nil {
		return nil, nil, err
	}
	if err := o.keys.use(srv); err != nil {
		return nil, nil, err
	}
	build := thisVersion()
	admin.Register(srv, opened, admin.Version{Version: build.Version, Commit: build.Commit})
	lis, err := net.Listen("tcp", o.listen)
	if err != nil {
		return nil, nil, explainListen(err)
	}
	return srv, lis, nil
}

// explainListen returns the error for an address that the server cannot listen on. A busy
// port, a missing address and a DNS timeout may be temporary; other known causes are usage
// errors.
func explainListen(err error) error {
	var name *net.DNSError
	err = fmt.Errorf("%w; choose another address with --listen", err)
	switch {
	case errors.As(err, &name) && name.IsNotFound,
		errors.Is(err, syscall.EAFNOSUPPORT),
		errors.Is(err, fs.ErrPermission):
		return usageError{err}
	}
	return err
}

// warnIfInsecure logs a warning if the server lacks TLS or an API key.
func warnIfInsecure(logger *slog.Logger, address net.Addr, tls, key bool) {
	tcp, ok := address.(*net.TCPAddr)
	loopback := ok && tcp.IP.IsLoopback()
	switch {
	case key && !tls:
		logger.Warn("there is an API key but no TLS: clients refuse to send the key, unless a proxy in front of this server provides TLS")
	case !key && !tls && !loopback:
		logger.Warn("there is neither TLS nor an API key: any client that can connect to this address can read and append events, and the traffic is not encrypted", "address", address.String())
	case !key && !loopback:
		logger.Warn("there is no API key: any client that can connect to this address can read and append events", "address", address.String())
	}
}
