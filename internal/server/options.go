package server

import (
	"log/slog"
	"time"

	"github.com/umadb-go/umadb/dcb"
)

// Options say how a Server serves. The zero value works: no encryption, no
// authentication, and the limits named here.
type Options struct {
	// TLSCertFile and TLSKeyFile are PEM files: the certificate chain and its
	// private key. Both, or neither for no encryption.
	TLSCertFile, TLSKeyFile string
	// APIKey must come with every call but those of the health service, as
	// "authorization: Bearer KEY". It must be printable ASCII and neither begin nor
	// end with a space. Empty for no authentication.
	APIKey string
	// Logger is told of panics and of refused connections. Nil for no logging.
	Logger *slog.Logger
	// MaxConnections bounds open connections; one more is closed as soon as it
	// is accepted. Default 4,096.
	MaxConnections int
	// MaxStreams bounds the concurrent calls of one connection. Default 1,024.
	MaxStreams uint32
	// RequestMemory bounds the bytes of all requests that are being received or
	// answered; a call that finds no room is refused. Default 8 times the
	// limit of one request, and never less than one.
	RequestMemory int64
	// ResponseMemory bounds the bytes of large messages that were sent and that
	// no client has taken yet; a read that finds no room is refused. Default
	// 256 MiB.
	ResponseMemory int64
	// ReceiveTimeout bounds how long a request may take to arrive once its call
	// has begun. Default 30 seconds.
	ReceiveTimeout time.Duration
	// StreamWorkers is the number of goroutines kept for calls; those that find
	// none free get a new one. An append waits for the disk on its worker, so
	// this is about the number of concurrent appends. Default 256.
	StreamWorkers uint32
}

// withDefaults gives the options with each zero field set to its default.
func (o Options) withDefaults(limits *dcb.Limits) Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxConnections <= 0 {
		o.MaxConnections = 4096
	}
	if o.MaxStreams == 0 {
		o.MaxStreams = 1024
	}
	if o.RequestMemory <= 0 {
		o.RequestMemory = 8 * int64(limits.RequestBytes)
	}
	o.RequestMemory = max(o.RequestMemory, maxRequest(limits))
	if o.ResponseMemory <= 0 {
		o.ResponseMemory = 256 << 20
	}
	if o.ReceiveTimeout <= 0 {
		o.ReceiveTimeout = 30 * time.Second
	}
	if o.StreamWorkers == 0 {
		o.StreamWorkers = 256
	}
	return o
}

// maxRequest is the size in bytes from which a request is not even received.
// Between the limit and this, the answer names the limit.
func maxRequest(limits *dcb.Limits) int64 { return int64(limits.RequestBytes) + 64<<10 }
