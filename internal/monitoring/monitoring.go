package monitoring

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/store"
)

const (
	// maxConnections bounds the open connections; the oldest ones above it are closed.
	maxConnections = 64
	// maxScrapes bounds the concurrent requests for metrics; further ones are refused.
	maxScrapes = 4
	// maxHeaderBytes bounds the headers of a request.
	maxHeaderBytes = 16 << 10

	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	scrapeTimeout = 10 * time.Second
	// writeTimeout bounds a request with its answer. A profile takes as long as it is asked
	// to, so with Options.Debug it is longer.
	writeTimeout      = 30 * time.Second
	debugWriteTimeout = 5 * time.Minute
	// stopTimeout is how long Stop waits for requests in progress.
	stopTimeout = time.Second
)

// Options configures a Server. Store, Server and Exemplars are required.
type Options struct {
	Store   *store.Store
	Server  *server.Server
	Version Version
	// Exemplars are served with the metrics.
	Exemplars *Exemplars
	// Debug serves profiles of the process.
	Debug bool
	// Logger receives errors.
	Logger *slog.Logger
}

// Version identifies the program. It is served as JSON.
type Version struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Go      string `json:"go"`
}

// Server serves operators over HTTP.
type Server struct {
	http *http.Server
	log  *slog.Logger
	done chan struct{} // closed when serving has ended
}

// Start serves a listener until Stop, which closes it.
func Start(listener net.Listener, options Options) *Server {
	write := writeTimeout
	if options.Debug {
		write = debugWriteTimeout
	}
	s := &Server{
		http: &http.Server{
			Handler:           newHandler(&options),
			ReadHeaderTimeout: headerTimeout,
			ReadTimeout:       readTimeout,
			WriteTimeout:      write,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			ErrorLog:          slog.NewLogLogger(options.Logger.Handler(), slog.LevelDebug),
		},
		log:  options.Logger,
		done: make(chan struct{}),
	}
	go s.serve(&limitedListener{Listener: listener, most: maxConnections})
	return s
}

func (s *Server) serve(listener net.Listener) {
	defer close(s.done)
	if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		s.log.Error("metrics and health over HTTP are no longer served", "error", err)
	}
}

// Stop ends serving. It waits a moment for requests in progress, and then closes their
// connections.
func (s *Server) Stop() {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		s.http.Close()
	}
	<-s.done
}
