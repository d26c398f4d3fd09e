package admin

import (
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/umadb-go/umadb/internal/server"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// Rejections implements adminv1.AdminServer.
func (s *service) Rejections(request *adminv1.RejectionsRequest, stream grpc.ServerStreamingServer[adminv1.RejectionsResponse]) error {
	next, bytes, sent := s.newRejections(), 0, uint32(0)
	for r := range s.server.Rejections() {
		if sent++; request.GetLimit() > 0 && sent > request.GetLimit() {
			break
		}
		encoded := newRejection(r)
		next.Rejections = append(next.Rejections, encoded)
		if bytes += proto.Size(encoded); bytes < smallMessage {
			continue
		}
		if err := stream.Send(next); err != nil {
			return err
		}
		next, bytes = s.newRejections(), 0
	}
	return stream.Send(next)
}

// newRejections returns a message without rejections.
func (s *service) newRejections() *adminv1.RejectionsResponse {
	return &adminv1.RejectionsResponse{Total: s.server.RejectedAppends(), Since: timestamppb.New(s.started)}
}

func newRejection(r *server.Rejection) *adminv1.Rejection {
	out := &adminv1.Rejection{
		Number:           r.Number,
		Time:             timestamppb.New(r.Time),
		Key:              r.Key,
		Peer:             r.Peer,
		MoreEvents:       uint32(r.MoreEvents),
		ConflictPosition: r.ConflictPosition,
		Reason:           strings.ToValidUTF8(r.Reason, "?"),
	}
	for _, e := range r.Events {
		out.Events = append(out.Events, &adminv1.RejectedEvent{Type: e.Type, Tags: e.Tags, MoreTags: uint32(e.MoreTags)})
	}
	if c := r.Condition; c != nil {
		out.Condition = &adminv1.RejectedCondition{MoreItems: uint32(c.MoreItems), After: c.After}
		for _, item := range c.Items {
			out.Condition.Items = append(out.Condition.Items, &adminv1.RejectedItem{
				Types: item.Types, Tags: item.Tags, MoreTypes: uint32(item.MoreTypes), MoreTags: uint32(item.MoreTags),
			})
		}
	}
	if t := r.Tracking; t != nil {
		out.Tracking = &adminv1.TrackingSource{Source: t.Source, Position: t.Position}
	}
	return out
}
