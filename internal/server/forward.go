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
	if err := s.notServing(dcbService); err != nil { // the other server may be able to commit it
		return status.Error(codes.ResourceExhausted, err.Error())
	}
	err := s.append(c, nil)
	if errors.Is(err, record.ErrNoSpace) { // the other server may have space
		return status.Error(codes.ResourceExhausted, err.Error())
	}
	return err
}

// decide commits an append, or forwards it. If the store loses against another server, which then is
// the preferred writer, the append is forwarded after all.
func (s *Server) decide(c *call, f Forwarder, parsed *record.AppendRequest, request *request) (uint64, error) {
	if f == nil || !canForward(c, parsed, request) {
		if parsed.Copied {
			request.drop()
		}
		return s.commit(c.Context(), parsed)
	}
	ctx, cancel := context.WithCancel(c.Context())
	defer cancel()
	defer context.AfterFunc(s.giveUp, cancel)()
	parsed.StopIfLost = true
	for {
		position, done, err := f.Forward(ctx, parsed, request.bytes, c.Header().Get("authorization"))
		if done && errors.Is(err, context.Canceled) && s.giveUp.Err() != nil {
			return 0, errStopping // nothing was sent
		}
		if done {
			return position, err
		}
		position, err = s.commit(c.Context(), parsed)
		if !errors.Is(err, record.ErrLost) {
			return position, err
		}
	}
}

// canForward reports whether an append can be forwarded.
func canForward(c *call, parsed *record.AppendRequest, request *request) bool {
	switch {
	case c.key != nil && (c.Header().Get("authorization") == "" || c.key.Certificate != ""): // it is that of a certificate
		return false
	case parsed.Copied && len(request.bytes) > wire.LargeSlab: // it would be in memory twice
		return false
	}
	return true
}
