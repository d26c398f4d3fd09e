package server

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc"

	"github.com/umadb-go/umadb/internal/wire"
	"github.com/umadb-go/umadb/internal/wire/encoding"
)

const (
	// fullMessage is the size in bytes of a message after which another is likely
	// to follow at once.
	fullMessage = wire.LargeSlab / 2
	// catchUpWait is for how long memory for a message is reserved while no event comes.
	catchUpWait = time.Second
)

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

	behind := false // there is probably more to send
	for {
		size, err := s.sendNext(ctx, out, cursor, behind)
		switch {
		case err == nil:
			behind = size >= fullMessage
		case behind && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
			behind = false
		case errors.Is(err, io.EOF), s.stopping.Err() != nil:
			return nil
		default:
			return err
		}
	}
}

// sendNext sends the next message of a subscription and returns its size. While the
// subscription is behind, memory is reserved before the message is made, as for a read,
// but for no longer than catchUpWait: a subscription that waits for events holds next to
// no memory.
func (s *Server) sendNext(ctx context.Context, out *outbox, cursor encoding.Cursor, behind bool) (int, error) {
	size := int64(0)
	reserved := out.none()
	if behind {
		size = wire.LargeSlab
		var err error
		if reserved, err = out.reserve(size); err != nil {
			return 0, err
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, catchUpWait)
		defer cancel()
	}
	slab := wire.Slabs.Get(int(size))
	message, err := cursor.Next(ctx, (*slab)[:0])
	if err != nil {
		wire.Slabs.Put(slab)
		reserved.release()
		return 0, err
	}
	*slab = message
	return len(message), out.send(slab, reserved)
}
