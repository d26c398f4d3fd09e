package web

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/umadb-go/umadb/dcb"
)

// The bounds of a Server.
const (
	// maxConnections is the maximum number of open connections. For one more, one without a request in
	// progress is closed. It is above the sum of the following numbers, so there is one.
	maxConnections = 416
	// maxRequests is the maximum number of requests in progress, maxAppends that of appends, maxLong
	// that of requests with a long answer, maxStreams that of those that last, as a subscription does,
	// and maxBodies that of bodies that arrive: a request is in progress once its body has arrived.
	maxRequests, maxAppends, maxLong, maxStreams, maxBodies = 48, 128, 32, 128, 64
	// maxConcurrent is the maximum number of requests in progress on one connection of HTTP/2.
	maxConcurrent  = 64
	maxHeaderBytes = 64 << 10
	headerTimeout  = 10 * time.Second
	// requestTimeout is how long a request with its body may take to arrive.
	requestTimeout = 30 * time.Second
	idleTimeout    = 2 * time.Minute
	// writeTimeout is how long a client may not read what it is sent.
	writeTimeout = 30 * time.Second
)

// Options configures a Server.
type Options struct {
	Connect Connect
	// Append permits requests to append events. Without it they can only read, whatever the right of
	// the key.
	Append bool
	// PrintedKey is set if the only key is in an address that was printed.
	PrintedKey bool
	// RequestBytes is the maximum size of a body. The default is that of an append to a store.
	RequestBytes int
	// TLS is the configuration of encrypted connections. It may be nil.
	TLS *tls.Config
	// Logger receives warnings. It must not be nil.
	Logger *slog.Logger
}

// PrintedKey returns that of the options.
func (s *Server) PrintedKey() bool { return s.options.PrintedKey }

// Server is an HTTP server. Create it with New, register handlers, and call Serve.
type Server struct {
	options     Options
	mux         *http.ServeMux
	http        *http.Server
	crossOrigin *http.CrossOriginProtection
	connections connections
	fails       map[string]Fail     // by prefix of the path
	bodies      *semaphore.Weighted // memory for the bodies of requests, in bytes
	// shares is what each key uses of bodies.
	shares                                     *slots
	requests, appends, long, streams, arriving *slots
	// stopping is done when the server stops. Then streams end.
	stopping context.Context
	stop     context.CancelFunc
}

// New returns a server without handlers.
func New(options Options) *Server {
	options.RequestBytes = cmp.Or(options.RequestBytes, dcb.Limits{}.WithDefaults().RequestBytes)
	s := &Server{
		options:     options,
		mux:         http.NewServeMux(),
		crossOrigin: http.NewCrossOriginProtection(),
		fails:       map[string]Fail{},
		bodies:      semaphore.NewWeighted(bodiesMemory(options.RequestBytes)),
		shares:      newShares(options.RequestBytes),
		requests:    newSlots(maxRequests),
		appends:     newSlots(maxAppends),
		long:        newSlots(maxLong),
		streams:     newSlots(maxStreams),
		arriving:    newSlots(maxBodies),
	}
	s.stopping, s.stop = context.WithCancel(context.Background())
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.answer),
		TLSConfig:         options.TLS,
		MaxHeaderBytes:    maxHeaderBytes,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		IdleTimeout:       idleTimeout,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxConcurrent, WriteByteTimeout: writeTimeout},
		ConnContext:       withConnection,
		ErrorLog:          slog.NewLogLogger(options.Logger.Handler(), slog.LevelDebug),
	}
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.http.Handler.ServeHTTP(w, r) }

// Serve accepts connections on a listener, which it closes. It returns nil after Stop.
func (s *Server) Serve(listener net.Listener) error {
	listener = &boundedListener{listener, &s.connections}
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
