package server

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"

	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// subscribe answers Subscribe.
func (s *Server) subscribe(stream grpc.ServerStream) error {
	request, err := s.receive(stream, maxRequest(s.limits))
	if err != nil {
		return err
	}
	defer request.done()
	parsed, err := encoding.ParseSubscribe(request.bytes, s.limits)
	request.free()
	if err != nil {
		return err
	}
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
	out := &outbox{stream: stream, budget: s.responses}
	defer out.close(s.stopping.Done())
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	defer context.AfterFunc(s.stopping, cancel)()

	// A subscription holds its slab while it waits. What comes next is likely
	// to be as large as what came last: much while it catches up, little after.
	size := 0
	for {
		var err error
		size, err = out.sendNext(ctx, cursor, size)
		if errors.Is(err, io.EOF) || (err != nil && s.stopping.Err() != nil) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
