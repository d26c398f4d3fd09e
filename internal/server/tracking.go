package server

import (
	"google.golang.org/grpc"

	"github.com/umadb-go/umadb/internal/wire/encoding"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// trackingInfo answers GetTrackingInfo.
func (s *Server) trackingInfo(stream grpc.ServerStream) error {
	request := new(umadbv1.TrackingRequest)
	if err := s.receiveSmall(stream, request); err != nil {
		return err
	}
	if err := encoding.CheckSource(request.GetSource()); err != nil {
		return err
	}
	position, found, err := s.store.GetTrackingInfo(stream.Context(), request.GetSource())
	if err != nil {
		return err
	}
	response := new(umadbv1.TrackingResponse)
	if found {
		response.Position = &position
	}
	return stream.SendMsg(response)
}
