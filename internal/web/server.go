package web

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

// The bounds of a Server.
const (
	// maxConnections is the maximum number of open connections. Others wait to be accepted.
	maxConnections = 256
	// maxRequests is the maximum number of requests in progress, and maxStreams that of those that
	// last, as a subscription does.
	maxRequests, maxStreams = 64, 128
	maxHeaderBytes          = 64 << 10
	headerTimeout           = 10 * time.Second
	idleTimeout             = 2 * time.Minute
	// writeTimeout is how long a client may not read what it is sent.
	writeTimeout = 30 * time.Second
)

// Options configures a Server.
type Options struct {
	Connect Connect
	// Append permits requests to append events. Without it they can only read, whatever the right of
	// the key.
	Append bool
	// TLS is the configuration of encrypted connections. It may be nil.
	TLS *tls.Config
	// Logger receives warnings. It must not be nil.
	Logger *slog.Logger
}

// Server is an HTTP server. Create it with New, register handlers, and call Serve.
type Server struct {
	options  Options
	mux      *http.ServeMux
	http     *http.Server
	requests chan struct{} // has an element for each request in progress
	streams  chan struct{}
	// stopping is done when the server stops. Then streams end.
	stopping context.Context
	stop     context.CancelFunc
}

// New returns a server without handlers.
func New(options Options) *Server {
	s := &Server{
		options:  options,
		mux:      http.NewServeMux(),
		requests: make(chan struct{}, maxRequests),
		streams:  make(chan struct{}, maxStreams),
	}
	s.stopping, s.stop = context.WithCancel(context.Background())
	s.http = &http.Server{
		Handler:           http.NewCrossOriginProtection().Handler(s.mux),
		TLSConfig:         options.TLS,
		MaxHeaderBytes:    maxHeaderBytes,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          slog.NewLogLogger(options.Logger.Handler(), slog.LevelDebug),
	}
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.http.Handler.ServeHTTP(w, r) }

// Serve accepts connections on a listener, which it closes. It returns nil after Stop.
func (s *Server) Serve(listener net.Listener) error {
	listener = netutil.LimitListener(listener, maxConnections)
	serve := func() error { return s.http.Serve(listener) }
	if s.options.TLS != nil {
		serve = func() error { return s.http.ServeTLS(listener, "", "") }
	}
	if err := serve(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Stop ends streams, waits for the other requests in progress until ctx is done, and closes all
// connections.
func (s *Server) Stop(ctx context.Context) {
	s.stop()
	if s.http.Shutdown(ctx) != nil {
		s.http.Close() // it returns errors of connections, which end anyway
	}
}
