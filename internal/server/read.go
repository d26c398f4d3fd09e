package server

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"

	"github.com/umadb-go/umadb/internal/wire"
	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// read answers Read.
func (s *Server) read(stream grpc.ServerStream) error {
	request, err := s.receive(stream, maxRequest(s.limits))
	if err != nil {
		return err
	}
	defer request.done()
	parsed, err := encoding.ParseRead(request.bytes, s.limits)
	request.free()
	if err != nil {
		return err
	}
	cursor, err := s.store.OpenRead(parsed)
	if err != nil {
		return err
	}
	if parsed.Subscribe {
		return s.follow(stream, cursor)
	}
	return s.sendAll(stream, cursor)
}

// sendAll sends what a read gives, to its end. A shutdown ends it before with
// an error, so that a client never takes a part for the whole.
func (s *Server) sendAll(stream grpc.ServerStream, cursor encoding.Cursor) error {
	out := &outbox{stream: stream, budget: s.responses}
	defer out.close(s.stopping.Done())
	for {
		if s.stopping.Err() != nil {
			return errStopping
		}
		_, err := out.sendNext(stream.Context(), cursor, wire.LargeSlab)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// sendNext sends the next message of a cursor, which it puts together in a
// slab of about size bytes, and returns the message's. It fails with io.EOF
// if there are no more messages.
func (o *outbox) sendNext(ctx context.Context, cursor encoding.Cursor, size int) (int, error) {
	slab := wire.Slabs.Get(size)
	message, err := cursor.Next(ctx, (*slab)[:0])
	if err != nil {
		wire.Slabs.Put(slab)
		return 0, err
	}
	*slab = message
	return len(message), o.send(slab)
}
