package cli

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"syscall"

	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/store"
)

// rehearse fails for what would fail once the store is open: an address or a
// certificate that cannot be used should not leave a new store behind, or be found
// out after minutes of recovery. The port is given back, and opens last (see
// listen). To hold it until then would spare this little gap; but while a large
// index is built again, clients would wait for an answer in the backlog, and
// whoever probes the port would take the server to be ready.
func (o *serveOptions) rehearse() error {
	if o.tlsCert != "" {
		if _, err := tls.LoadX509KeyPair(o.tlsCert, o.tlsKey); err != nil {
			return usageErrorf("the TLS certificate %s and its key %s cannot be used: %w; name others with --tls-cert and --tls-key", o.tlsCert, o.tlsKey, err)
		}
	}
	lis, err := net.Listen("tcp", o.listen)
	if err != nil {
		return explainListen(err)
	}
	return lis.Close()
}

// listen makes the server and its port, which opens last: whoever can connect
// is served.
func listen(opened *store.Store, o *serveOptions, logger *slog.Logger) (*server.Server, net.Listener, error) {
	srv, err := server.New(opened, server.Options{
		TLSCertFile: o.tlsCert,
		TLSKeyFile:  o.tlsKey,
		APIKey:      o.apiKey.key,
		Logger:      logger,
		Memory:      o.memory.bytes,
	})
	if err != nil {
		return nil, nil, err
	}
	lis, err := net.Listen("tcp", o.listen)
	if err != nil {
		return nil, nil, explainListen(err)
	}
	return srv, lis, nil
}

// explainListen says what to do about an address that cannot be listened on. A port
// that is taken may be free in a moment, an address come to this machine, a name be
// found that was not for want of an answer; what else is known is a mistake.
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

// warnOfOpenness says who is let in besides those who should be.
func warnOfOpenness(logger *slog.Logger, address net.Addr, tls, key bool) {
	tcp, ok := address.(*net.TCPAddr)
	loopback := ok && tcp.IP.IsLoopback()
	switch {
	case key && !tls:
		logger.Warn("there is an API key but no TLS: clients refuse to send the key, unless something in front of this server has TLS")
	case !key && !tls && !loopback:
		logger.Warn("there is neither TLS nor an API key: whoever reaches this address can read and append events, and whoever is in between can listen", "address", address.String())
	case !key && !loopback:
		logger.Warn("there is no API key: whoever reaches this address can read and append events", "address", address.String())
	}
}
