package server

import (
	"google.golang.org/grpc"

	"github.com/umadb-go/umadb/internal/wire"
	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// append answers Append. The bytes of the request stay in hand until the store
// has written them: it is given no copy.
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
	parsed, err := encoding.ParseAppend(request.bytes, s.limits)
	if err != nil {
		return err
	}
	position, err := s.store.Commit(stream.Context(), parsed)
	if err != nil {
		return err
	}
	return stream.SendMsg(wire.NewFrame(encoding.EncodeAppendResponse(position)))
}
