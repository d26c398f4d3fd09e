package server

import (
	"log/slog"
	"time"

	"github.com/umadb-go/umadb/dcb"
)

// Options configures a Server. The zero value is valid: no encryption, no
// authentication, and the default limits.
type Options struct {
	// TLSCertFile and TLSKeyFile are PEM files with the certificate chain and its
	// private key. If both are empty, connections are not encrypted.
	TLSCertFile, TLSKeyFile string
	// ClientCAFile is a PEM file with the certificates of the authorities that sign the
	// certificates of clients. A client whose certificate is missing or cannot be verified
	// is refused. If it is empty, clients need no certificate. It requires TLSCertFile.
	ClientCAFile string
	// APIKey must be sent with every call except those of the health service, as
	// "authorization: Bearer KEY". It must be printable ASCII and must not start or
	// end with a space. If it is empty, calls are not authenticated.
	APIKey string
	// AppendsRefused is the reason why the store accepts no appends, however long it is open,
	// for example because it is a standby: the health of appends is NOT_SERVING. It is nil
	// if the store accepts them.
	AppendsRefused error
	// SharedLog is the identity of the log that the store shares with those of other servers, or
	// empty. Forwarder passes appends to one of these servers. It may be nil.
	SharedLog string
	Forwarder Forwarder
	// Logger receives messages about panics, refused calls and connections, and
	// certificates that expire. The default is no logging.
	Logger *slog.Logger
	// Memory is the memory in bytes that the process should not exceed. The defaults
	// below are for 1 GiB; with less or more memory they are scaled in proportion, by a
	// factor from 1/4 to 8. The default is unlimited, with the defaults for 1 GiB.
	Memory int64
	// MaxConnections is the maximum number of open connections. When it is reached, a
	// new connection replaces the oldest one that has not authenticated a call; if there
	// is none, the new connection is closed. The default is 4,096, less in proportion to
	// Memory, and at least 256 less than the limit of open files.
	MaxConnections int
	// MaxStreams is the maximum number of concurrent calls of one connection. The
	// default is 4,096.
	MaxStreams uint32
	// CallMemory is the maximum size in bytes of all calls in progress, except calls
	// that are the only ones of their connection. A quarter is reserved for calls other
	// than reads, subscriptions and watches. The default is 160 MiB, enough for about
	// 13,000 calls.
	CallMemory int64
	// RequestMemory is the maximum size in bytes of all requests that are being received
	// or handled. A quarter is reserved for requests of up to 64 KiB. A call that cannot
	// get memory is refused. The default is 80 MiB, and the minimum one large request.
	RequestMemory int64
	// QueryMemory is the maximum size in bytes of the parsed queries of subscriptions,
	// and also of those of reads and append conditions. The default is 64 MiB for each of
	// the two, and the minimum one large query.
	QueryMemory int64
	// ResponseMemory is the maximum size in bytes of the messages that were sent and that
	// clients have not read, except one small message of each connection. The default is
	// 56 MiB.
	ResponseMemory int64
	// ReceiveTimeout is how long a request may take to arrive after its call has started.
	// The default is 30 seconds.
	ReceiveTimeout time.Duration
	// SendTimeout is how long a read or subscription waits for memory for its next
	// message. The default is 30 seconds.
	SendTimeout time.Duration

	lowered bool // MaxConnections was lowered because of the limit of open files
}

// defaultConnections is the default of MaxConnections if there are enough file
// descriptors. reservedDescriptors of them are reserved for the store.
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
	return o
}

// DefaultConnections returns the default of MaxConnections for a process with the given
// memory in bytes and enough file descriptors.
func DefaultConnections(memory int64) int {
	return int(min(scaled(defaultConnections, memory), defaultConnections))
}

// connectionsFor returns the maximum number of connections for a limit of file
// descriptors, which is 0 if it is unknown.
func connectionsFor(usual, descriptors int) int {
	if descriptors == 0 {
		return usual
	}
	return min(usual, max(descriptors-reservedDescriptors, descriptors/4, 1))
}
