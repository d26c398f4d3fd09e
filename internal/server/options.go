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
	// Memory is the memory in bytes that the process should not exceed. The defaults of
	// the bounds below are for 1 GiB; with less or more memory they are in proportion,
	// from a quarter to 8 times. Default unlimited, with the defaults for 1 GiB.
	Memory int64
	// MaxConnections bounds open connections. For one more, the oldest connection that
	// has not authenticated any call is closed. If there is none, the new one is closed.
	// Default 4,096, less in proportion to Memory, and at least 256 less than the file
	// descriptors that the process may have.
	MaxConnections int
	// MaxStreams bounds the concurrent calls of one connection. Default 4,096.
	MaxStreams uint32
	// CallMemory bounds the bytes that all calls in progress use, except those that are
	// the only ones of their connection. A quarter is for calls other than reads,
	// subscriptions and watches. Default 160 MiB, some 13,000 calls.
	CallMemory int64
	// RequestMemory bounds the bytes of all requests that are being received or handled.
	// A quarter is for requests of up to 64 KiB. A call that finds no room is refused.
	// Default 80 MiB, and never less than one large request.
	RequestMemory int64
	// QueryMemory bounds the bytes that the parsed queries of subscriptions use, and
	// also those of reads and append conditions. Default 64 MiB for each of the two, and
	// never less than one large query.
	QueryMemory int64
	// ResponseMemory bounds the bytes of messages that were sent and that no client
	// has taken yet, beside a small one of each connection. Default 56 MiB.
	ResponseMemory int64
	// ReceiveTimeout bounds how long a request may take to arrive once its call
	// has begun. Default 30 seconds.
	ReceiveTimeout time.Duration
	// SendTimeout bounds how long a read or subscription waits for memory for its next
	// message. Default 30 seconds.
	SendTimeout time.Duration
	// StreamWorkers is the number of goroutines kept for calls; those that find
	// none free get a new one. An append waits for the disk on its worker, so
	// this is about the number of concurrent appends. Default 256.
	StreamWorkers uint32

	lowered bool // MaxConnections is less for lack of file descriptors
}

// defaultConnections is the default of MaxConnections if there are enough file
// descriptors. reservedDescriptors of them are for the store.
const (
	defaultConnections  = 4096
	reservedDescriptors = 256
)

// withDefaults returns the options with each zero field set to its default.
func (o Options) withDefaults(limits *dcb.Limits) Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxConnections <= 0 {
		usual := DefaultConnections(o.Memory)
		o.MaxConnections = connectionsFor(usual, descriptorLimit())
		o.lowered = o.MaxConnections < usual
	}
	if o.MaxStreams == 0 {
		o.MaxStreams = 4096
	}
	for _, bound := range []struct {
		bytes *int64
		usual int64
	}{
		{&o.CallMemory, 160 << 20},
		{&o.RequestMemory, 80 << 20},
		{&o.QueryMemory, 64 << 20},
		{&o.ResponseMemory, 56 << 20},
	} {
		if *bound.bytes <= 0 {
			*bound.bytes = scaled(bound.usual, o.Memory)
		}
	}
	if o.ReceiveTimeout <= 0 {
		o.ReceiveTimeout = 30 * time.Second
	}
	if o.SendTimeout <= 0 {
		o.SendTimeout = 30 * time.Second
	}
	if o.StreamWorkers == 0 {
		o.StreamWorkers = 256
	}
	return o
}

// DefaultConnections returns the default of MaxConnections for a process with some
// memory, where there are enough file descriptors.
func DefaultConnections(memory int64) int {
	return int(min(scaled(defaultConnections, memory), defaultConnections))
}

// connectionsFor returns how many connections are allowed with a limit of file
// descriptors; 0 means that the limit is unknown.
func connectionsFor(usual, descriptors int) int {
	if descriptors == 0 {
		return usual
	}
	return min(usual, max(descriptors-reservedDescriptors, descriptors/4, 1))
}
