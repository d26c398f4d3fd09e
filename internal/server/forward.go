package server

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/wire"
)

// Forwarder passes appends to another server of a shared log.
type Forwarder interface {
	// Forward returns the answer of the other server to an append. encoded is the request as it
	// was received, and authorization the field of its headers with the API key, or empty. If done is
	// false, the append had no effect, and must be committed here.
	Forward(ctx context.Context, request *record.AppendRequest, encoded []byte, authorization string) (position uint64, done bool, err error)
	// Forwarded returns the numbers of ForwardMetrics.
	Forwarded() (ok, refused, broken uint64)
}

// peerService is the service that servers of a shared log use among each other.
const peerService = "umadb.cluster.v1.Peer"

// forwardedAppend is the method for appends that another server forwards.
var forwardedAppend = &method{class: brief, appends: true, serve: (*Server).handleForwardedAppend}

// handleForwardedAppend handles an append that another server has forwarded. It is not forwarded
// again: the servers could prefer each other.
func (s *Server) handleForwardedAppend(c *call) error {
	if log := c.Header().Get(wire.Forwarded); log != s.options.SharedLog {
		return status.Errorf(codes.Unimplemented, "this is a server of the shared log %s, and not of %.40q", s.options.SharedLog, log)
	}
	err := s.append(c, nil)
	if errors.Is(err, record.ErrNoSpace) { // the other server may have space
		return status.Error(codes.ResourceExhausted, err.Error())
	}
	return err
}

// forward passes an append to another server, unless done is false.
func (s *Server) forward(c *call, f Forwarder, parsed *record.AppendRequest, request *request) (position uint64, done bool, err error) {
	authorization := c.Header().Get("authorization")
	switch {
	case f == nil:
		return 0, false, nil
	case c.key != nil && (authorization == "" || c.key.Certificate != ""): // it is that of a certificate
		return 0, false, nil
	case parsed.Copied && len(request.bytes) > wire.LargeSlab: // it would be in memory twice
		return 0, false, nil
	}
	ctx, cancel := context.WithCancel(c.Context())
	defer cancel()
	defer context.AfterFunc(s.giveUp, cancel)()
	return f.Forward(ctx, parsed, request.bytes, authorization)
}
