package server

import (
	"context"

	"google.golang.org/grpc/metadata"

	"github.com/umadb-go/umadb/internal/wire"
)

// seen is what the client of a call has seen or appended, perhaps at other servers. It is nil if
// the client does not say so.
type seen struct {
	store    Store
	position uint64
}

// newSeen returns what a client has seen by its values of wire.MinPosition.
func (s *Server) newSeen(values []string) (*seen, error) {
	n := &seen{store: s.store}
	for _, value := range values {
		position, err := wire.ParseMinPosition(value)
		if err != nil {
			return nil, err
		}
		n.position = max(n.position, position)
	}
	return n, nil
}

// lacking reports whether the store does not have yet what the client has seen.
func (n *seen) lacking() bool { return n != nil && n.store.LastPosition() < n.position }

// trailer returns the trailer with the position of the store, nil if the client does not want
// it. The store must have what is in the answer.
func (n *seen) trailer() metadata.MD {
	if n == nil {
		return nil
	}
	return metadata.Pairs(wire.Position, wire.FormatPosition(n.store.LastPosition()))
}

// awaitSeen waits until the store has what the client of a read has seen. A subscription need
// not wait: it sends each event when the store has it.
func (s *Server) awaitSeen(c *call) error {
	if !c.seen.lacking() {
		return nil
	}
	ctx, cancel := context.WithCancel(c.Context())
	defer cancel()
	defer context.AfterFunc(s.stopping, cancel)()
	err := s.store.WaitFor(ctx, c.seen.position)
	if err != nil && s.stopping.Err() != nil {
		return errStopping
	}
	return err
}

// addTrailer adds a trailer to those that are sent with the answer.
func (c *call) addTrailer(trailer metadata.MD) {
	if trailer != nil {
		c.SetTrailer(trailer)
	}
}
