package server

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"

	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// fullMessage is the size in bytes of a message of a subscription from which the next one
// may be large.
const fullMessage = smallMessage / 2

// subscribe answers Subscribe.
func (s *Server) subscribe(stream grpc.ServerStream) error {
	parsed, query, err := receiveQuery(s, stream, s.subscriptions, encoding.ParseSubscribe)
	if err != nil {
		return err
	}
	defer query.release()
	cursor, err := s.store.OpenSubscription(parsed)
	if err != nil {
		return err
	}
	return s.follow(stream, cursor)
}

// follow sends what a subscription gives until the client goes, the store
// closes or the server shuts down, which ends it as the end of the events
// would: the client has missed none.
func (s *Server) follow(stream grpc.ServerStream, cursor encoding.Cursor) error {
	// Some clients wait for the headers before they give their caller a stream.
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	out := s.newOutbox(stream)
	defer out.close()
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	defer context.AfterFunc(s.stopping, cancel)()

	small := true
	for {
		m, err := out.next(ctx, cursor, small)
		switch {
		case err == nil && len(*m.slab) == 0:
			m.drop()
			continue
		case err == nil:
			small = len(*m.slab) < fullMessage
			err = out.send(m)
		}
		switch {
		case errors.Is(err, io.EOF), s.stopping.Err() != nil:
			return nil
		case err != nil:
			return err
		}
	}
}
