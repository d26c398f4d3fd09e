package cli

import (
	"context"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/web"
)

// consoleFlags are the flags of a server about web pages.
type consoleFlags struct {
	address string // empty for none
	append  bool
}

func (o *consoleFlags) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.address, "console", "", "`address` of the console, web pages that show the events, as host:port, such as 127.0.0.1:50080; it is not served without it")
	flags.BoolVar(&o.append, "console-append", false, "permit appending events over HTTP at the address of --console; without it, events can only be read there")
}

func (o *consoleFlags) validate() error {
	if o.address == "" {
		if o.append {
			return usageErrorf("--console-append is given without --console: set the address at which events can be appended over HTTP")
		}
		return nil
	}
	return checkAddress("console", o.address)
}

// preflight checks that the address can be used, as that of clients.
func (o *consoleFlags) preflight() error {
	if o.address == "" {
		return nil
	}
	return tryListen("console", o.address)
}

// start serves pages until stop is called. url is that of the server, for people and programs, and requestBytes its
// limit of a request.
func (o *consoleFlags) start(srv *server.Server, url string, requestBytes int, requiresKey bool, logger *slog.Logger) (stop func(context.Context), err error) {
	if o.address == "" {
		return func(context.Context) {}, nil
	}
	listener, err := net.Listen("tcp", o.address)
	if err != nil {
		return nil, explainListen("console", err)
	}
	secure := srv.HTTPTLSConfig()
	if requiresKey && secure == nil && !isLoopback(listener.Addr()) {
		logger.Warn("the console has no TLS: browsers send the API key unencrypted", "address", listener.Addr().String())
	}
	if !requiresKey && !isLoopback(listener.Addr()) {
		logger.Warn("the console needs no API key: any client that can connect to this address can read the events", "address", listener.Addr().String())
	}
	memory := serveInProcess(srv, url)
	pages := web.New(web.Options{Logger: logger, TLS: secure, Append: o.append, RequestBytes: requestBytes, Connect: func(ctx context.Context, key string) (*web.Backend, error) {
		from := web.ClientAddress(ctx)
		if err := srv.CheckKey(key, from); err != nil {
			return nil, err
		}
		c, err := memory.dial(key, from)
		if err != nil {
			return nil, err
		}
		b := newBackend(url, c, c.Close)
		b.MayAppend = func() error { return srv.MayAppend(key, from) }
		return b, nil
	}})
	registerPages(pages)
	go func() {
		if err := pages.Serve(listener); err != nil {
			logger.Error("the console stopped unexpectedly", "error", err)
		}
	}()
	logger.Info("serving the console", "address", listener.Addr().String(), "tls", secure != nil)
	return pages.Stop, nil
}

// consolePatience is how long a stopping console waits for its clients to read their answers.
const consolePatience = 2 * time.Second

// shutdown stops a server, and at the same time its console, which is a client of it. Once the calls of
// the console have ended, it has only to wait until its answers are read.
func shutdown(ctx context.Context, srv interface{ Shutdown(context.Context) error }, stopConsole func(context.Context)) error {
	answering, end := context.WithCancel(ctx)
	defer end()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		stopConsole(answering)
	}()
	err := srv.Shutdown(ctx)
	defer time.AfterFunc(consolePatience, end).Stop()
	<-stopped
	return err
}

// serverURL returns the URL of a server that listens on an address, which may be that of all networks.
func serverURL(address net.Addr, secure bool) string {
	scheme := "http"
	if secure {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(address.String())
	if err != nil {
		return scheme + "://" + address.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
		if name, err := os.Hostname(); err == nil {
			host = name
		}
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}
