package server

import (
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/dcb"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// receiveSmall takes a small message and decodes it.
func (s *Server) receiveSmall(stream grpc.ServerStream, message proto.Message) error {
	request, err := s.receive(stream, maxSmallRequest)
	if err != nil {
		return err
	}
	defer request.done()
	if err := proto.Unmarshal(request.bytes, message); err != nil {
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "the request cannot be read", Cause: err}
	}
	return nil
}

// head answers Head.
func (s *Server) head(stream grpc.ServerStream) error {
	if err := s.receiveSmall(stream, new(umadbv1.HeadRequest)); err != nil {
		return err
	}
	position, err := s.store.Head(stream.Context())
	if err != nil {
		return err
	}
	response := new(umadbv1.HeadResponse)
	if position != 0 {
		response.Position = &position
	}
	return stream.SendMsg(response)
}
