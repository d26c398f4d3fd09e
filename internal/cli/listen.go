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
	if err := o.metrics.preflight(); err != nil {
		return err
	}
	if err := o.console.preflight(); err != nil {
		return err
	}
	if err := tryListen("listen", o.listen); err != nil {
		return err
	}
	return o.calls.preflight()
}

// checkAddress returns a usage error if the value of a flag is not an address to listen on.
func checkAddress(flag, address string) error {
	_, port, err := net.SplitHostPort(address)
	switch {
	case err != nil || port == "":
		return usageErrorf("--%s %q is not an address: write host:port, such as 127.0.0.1:50051", flag, address)
	case !isPort(port):
		return usageErrorf("--%s %q has no valid port: %q is neither a number from 0 to 65535 nor a service name", flag, address, port)
	}
	return nil
}

func isPort(port string) bool {
	_, err := net.LookupPort("tcp", port)
	return err == nil
}

// tryListen returns an error if the address of a flag cannot be listened on.
func tryListen(flag, address string) error {
	lis, err := net.Listen("tcp", address)
	if err != nil {
		return explainListen(flag, err)
	}
	return lis.Close()
}

// listen creates the server and then opens its port: a client that can connect is served.
func listen(opened *store.Store, o *serveOptions, logger *slog.Logger) (*server.Server, net.Listener, error) {
	options := server.Options{
		TLSCertFile:    o.tls.cert,
		TLSKeyFile:     o.tls.key,
		ClientCAFile:   o.tls.clientCA,
		APIKey:         o.apiKey.key,
		Logger:         logger,
		Memory:         o.memory.bytes,
		MaxConnections: o.bounds.connections,
		MaxStreams:     o.bounds.streams,

		AppendsRefused: o.standby.refusal(),
		SharedLog:      opened.SharedLog(),
	}
	if o.forwarder != nil {
		options.Forwarder = o.forwarder
	}
	srv, err := server.New(opened, options)
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
		return nil, nil, explainListen("listen", err)
	}
	return srv, lis, nil
}

// explainListen returns the error for an address of a flag that the server cannot listen on. A
// busy port, a missing address and a DNS timeout may be temporary; other known causes are usage
// errors.
func explainListen(flag string, err error) error {
	var name *net.DNSError
	err = fmt.Errorf("%w; choose another address with --%s", err, flag)
	switch {
	case errors.As(err, &name) && name.IsNotFound,
		errors.Is(err, syscall.EAFNOSUPPORT),
		errors.Is(err, fs.ErrPermission):
		return usageError{err}
	}
	return err
}

func isLoopback(address net.Addr) bool {
	tcp, ok := address.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// warnIfInsecure logs a warning if the server lacks TLS or an API key.
func warnIfInsecure(logger *slog.Logger, address net.Addr, tls, key bool) {
	loopback := isLoopback(address)
	switch {
	case key && !tls:
		logger.Warn("there is an API key but no TLS: clients refuse to send the key, unless a proxy in front of this server provides TLS")
	case !key && !tls && !loopback:
		logger.Warn("there is neither TLS nor an API key: any client that can connect to this address can read and append events, and the traffic is not encrypted", "address", address.String())
	case !key && !loopback:
		logger.Warn("there is no API key: any client that can connect to this address can read and append events", "address", address.String())
	}
}
