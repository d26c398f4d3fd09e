// Package server serves an event store over gRPC from the process that has it open. The
// command `umadb serve` does the same for a directory.
package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/server"
)

// Options configures a Server. The zero value is valid: no TLS and no API key.
type Options struct {
	// TLSCertFile and TLSKeyFile are PEM files with the certificate chain of the server
	// and its private key. If both are empty, connections are not encrypted.
	TLSCertFile, TLSKeyFile string
	// ClientCAFile is a PEM file with the certificates of the authorities that sign the
	// certificates of clients. A client whose certificate is missing or cannot be verified
	// is refused. If it is empty, clients need no certificate. It requires TLSCertFile.
	ClientCAFile string
	// APIKey must be sent with every call except those of the health service. It must be
	// printable ASCII and must not start or end with a space. If it is empty, calls are
	// not authenticated.
	APIKey string
	// Logger receives warnings and errors. The default is no logging.
	Logger *slog.Logger
	// Memory is the memory in bytes that the process should not exceed. The memory that
	// clients can use is bounded in proportion, within a factor from 1/4 to 8 of the
	// bounds for 1 GiB. The default is unlimited, with the bounds for 1 GiB.
	Memory int64
	// MaxConnections is the maximum number of open connections. The default is 4,096. It
	// is lower if Memory is less than 1 GiB, in proportion, and if the process may open
	// fewer files: 256 are kept for the store.
	MaxConnections int
}

// Server is a gRPC server of one event store.
type Server struct {
	server *server.Server
}

// New returns a server for a store that package umadb opened in this process. The caller
// must close the store after Shutdown. New returns dcb.ErrInvalidArgument if the store or
// an option cannot be used.
func New(store dcb.EventStore, options Options) (*Server, error) {
	engine, ok := store.(server.Store)
	if !ok {
		return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("a %T cannot be served; open the store with package umadb", store)}
	}
	s, err := server.New(engine, server.Options{
		TLSCertFile:    options.TLSCertFile,
		TLSKeyFile:     options.TLSKeyFile,
		ClientCAFile:   options.ClientCAFile,
		APIKey:         options.APIKey,
		Logger:         options.Logger,
		Memory:         options.Memory,
		MaxConnections: options.MaxConnections,
	})
	if err != nil {
		return nil, err
	}
	return &Server{s}, nil
}

// Serve accepts connections on a listener, which it closes. It returns nil after Shutdown,
// or the error of the listener.
func (s *Server) Serve(listener net.Listener) error { return s.server.Serve(listener) }

// SetAPIKey replaces the API key, for calls that start from now on.
func (s *Server) SetAPIKey(key string) error { return s.server.SetAPIKey(key) }

// ReloadCertificate reads the TLS files again, for connections that are accepted from now
// on. If it returns an error, the server keeps its current certificate.
func (s *Server) ReloadCertificate() error { return s.server.ReloadCertificate() }

// ReloadClientCA reads Options.ClientCAFile again, for connections that are accepted from now
// on. If it returns an error, the server keeps its current authorities.
func (s *Server) ReloadClientCA() error { return s.server.ReloadClientCA() }

// Shutdown stops the server. Appends that the store is writing are completed; other
// appends fail without effect, reads fail, and subscriptions end. Shutdown returns when
// all calls have ended. When ctx is done before, it closes all connections and returns the
// error of the context.
func (s *Server) Shutdown(ctx context.Context) error { return s.server.Shutdown(ctx) }
