package server

import (
	"math/rand/v2"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// refusal is a kind of refusal. All kinds are logged and counted by notices.
type refusal int

const (
	refusedCalls refusal = iota
	refusedStreams
	refusedMemory
	refusedSize
	refusedDisk
	refusedKey
	refusedRight
	refusedRate
	refusedWatches
	refusedAdmin
	refusedConnections
	evictedConnections
	noClientCertificate
	unknownClientCA
	expiredClient
	invalidClient
	closedUnread
	closedStalled
	noDescriptors
	notAccepted
	refusals
)

// refusalKinds are the names of the refusals in the metrics, and their messages in the log.
var refusalKinds = [refusals]struct{ name, message string }{
	refusedCalls:        {"calls", "calls are refused: too many are in progress"},
	refusedStreams:      {"streams", "calls are refused: their connection has too many in progress"},
	refusedMemory:       {"memory", "calls are refused: not enough memory"},
	refusedSize:         {"request_size", "calls are refused: their requests are too large"},
	refusedDisk:         {"disk_space", "appends are refused: not enough disk space for them"},
	refusedKey:          {"api_key", "calls are refused: the API key is missing or wrong"},
	refusedRight:        {"api_key_right", "calls are refused: the API key does not permit them"},
	refusedRate:         {"api_key_rate", "appends are refused: a rate limit of the API key is reached"},
	refusedWatches:      {"health_watches", "health watches are refused: there are too many"},
	refusedAdmin:        {"admin_calls", "calls of operators are refused: too many of their kind are in progress"},
	refusedConnections:  {"connections", "connections are refused: the maximum number is open"},
	evictedConnections:  {"unauthenticated_connections", "connections are closed to admit others: the maximum number is open"},
	noClientCertificate: {"client_certificate_missing", "connections are refused: the client has no certificate"},
	unknownClientCA:     {"client_certificate_authority", "connections are refused: the certificate of the client is not signed by an authority of the client CA"},
	expiredClient:       {"client_certificate_expired", "connections are refused: the certificate of the client has expired or is not valid yet"},
	invalidClient:       {"client_certificate", "connections are refused: the certificate of the client cannot be verified"},
	closedUnread:        {"blocked_write", "connections are closed: their clients do not read what was sent"},
	closedStalled:       {"unread_events", "connections are closed: their clients do not read their events, and others need the memory"},
	noDescriptors:       {"file_descriptors", "connections cannot be accepted: there are no file descriptors left"},
	notAccepted:         {"accept", "connections cannot be accepted"},
}

// RefusalKinds returns the kinds in the metrics of refusals, each with its message in the log.
func RefusalKinds() map[string]string {
	kinds := make(map[string]string)
	for _, kind := range refusalKinds {
		kinds[kind.name] = kind.message
	}
	return kinds
}

// limited is the error of a call that is refused because of a limit.
type limited struct {
	kind   refusal
	status *status.Status // RESOURCE_EXHAUSTED
	passes bool           // the same call may succeed later
}

// refuse returns the error of a call that may succeed later.
func refuse(kind refusal, format string, args ...any) error {
	return &limited{kind: kind, status: status.Newf(codes.ResourceExhausted, format, args...), passes: true}
}

// RefuseAdminCall returns the error of a call of a registered service that is refused because
// there are too many, and that may succeed later. The server counts it and logs it.
func RefuseAdminCall(format string, args ...any) error { return refuse(refusedAdmin, format, args...) }

// Error returns the status as text.
func (e *limited) Error() string { return e.status.Err().Error() }

// GRPCStatus returns the status; package status calls it.
func (e *limited) GRPCStatus() *status.Status { return e.status }

// trailer returns the trailer that is sent with the status; nil for none.
func (e *limited) trailer() metadata.MD {
	if !e.passes {
		return nil
	}
	return pushback(someTime())
}

// pushbackTrailer is the trailer in which gRPC servers send after how many milliseconds a
// refused call may be sent again. Existing clients read the bare ErrorResponse where a
// google.rpc.RetryInfo would be, so it cannot be sent.
const pushbackTrailer = "grpc-retry-pushback-ms"

// pushback returns the trailer of a call that may be sent again after some time.
func pushback(after time.Duration) metadata.MD {
	return metadata.MD{pushbackTrailer: {strconv.FormatInt(after.Milliseconds(), 10)}}
}

// refusalPause is about how long a client should wait after a refusal. When other calls will
// have released what the call needs is not known.
const refusalPause = time.Second

// someTime returns about a refusalPause. It is random, so that clients that are refused at the
// same time do not return at the same time.
func someTime() time.Duration { return refusalPause/2 + rand.N(refusalPause) }
