package server

import (
	"context"
	"errors"

	"google.golang.org/grpc"

	"github.com/umadb-go/umadb/internal/wire/encoding"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// append answers Append. The bytes of the request, or their canonical copy, stay in
// hand until the store has written them.
func (s *Server) append(stream grpc.ServerStream) error {
	s.appending.Add(1)
	defer s.appending.Add(-1)
	if s.stopping.Err() != nil {
		return errStopping
	}
	request, err := s.receive(stream, maxRequest(s.limits))
	if err != nil {
		return err
	}
	defer request.done()
	query, err := s.reserveQuery(stream.Context(), s.queries, encoding.AppendQueryCost(request.bytes))
	if err != nil {
		return err
	}
	defer query.release()
	s.appends.granted()
	parsed, err := encoding.ParseAppend(request.bytes, s.limits)
	if err != nil {
		return err
	}
	if parsed.Copied {
		request.drop()
	}
	position, err := s.commit(stream.Context(), parsed)
	if err != nil {
		return err
	}
	return stream.SendMsg(&umadbv1.AppendResponse{Position: position})
}

// commit makes an append. One that the writer of the store has not taken when Shutdown
// has waited long enough fails with errStopping: it has had no effect.
func (s *Server) commit(ctx context.Context, request *encoding.AppendRequest) (uint64, error) {
	position, err := s.store.Commit(ctx, request, s.giveUp.Done())
	if errors.Is(err, context.Canceled) && ctx.Err() == nil {
		return 0, errStopping
	}
	return position, err
}
