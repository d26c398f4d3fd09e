package admin

import (
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/umadb-go/umadb/internal/server"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// Sessions implements adminv1.AdminServer.
func (s *service) Sessions(_ *adminv1.SessionsRequest, stream grpc.ServerStreamingServer[adminv1.SessionsResponse]) error {
	out := sessionSender{service: s, stream: stream}
	for session, err := range s.server.Sessions(stream.Context()) {
		if err != nil {
			return err
		}
		out.next.Sessions = append(out.next.Sessions, newSession(session))
		err := out.added(len(session.Peer) + len(session.UserAgent) + len(session.Key))
		for i := 0; err == nil && i < len(session.Calls); i++ {
			c := &session.Calls[i]
			out.next.Calls = append(out.next.Calls, newCall(session.ID, c))
			err = out.added(len(c.Method) + len(c.Query) + len(c.Key))
		}
		if err != nil {
			return err
		}
	}
	return out.send()
}

// sessionSender sends sessions and calls, many in each message.
type sessionSender struct {
	service *service
	stream  grpc.ServerStreamingServer[adminv1.SessionsResponse]
	next    adminv1.SessionsResponse
	bytes   int
}

// added is called when a session or call was added to the next message, with the length of its
// texts.
func (o *sessionSender) added(texts int) error {
	if o.bytes += texts + 64; o.bytes < smallMessage {
		return nil
	}
	return o.send()
}

func (o *sessionSender) send() error {
	_, o.next.Head = o.service.store.LastGroup()
	err := o.stream.Send(&o.next)
	o.next.Sessions, o.next.Calls, o.bytes = nil, nil, 0
	return err
}

func newSession(s *server.Session) *adminv1.Session {
	return &adminv1.Session{
		Id:            s.ID,
		Peer:          s.Peer,
		Key:           s.Key,
		UserAgent:     strings.ToValidUTF8(s.UserAgent, "?"),
		Since:         timestamppb.New(s.Started),
		Calls:         uint64(len(s.Calls)),
		Authenticated: s.Authenticated,
	}
}

func newCall(session uint64, c *server.SessionCall) *adminv1.Call {
	return &adminv1.Call{
		Session:      session,
		Method:       strings.ToValidUTF8(strings.TrimPrefix(c.Method, "/"), "?"),
		Key:          c.Key,
		Since:        timestamppb.New(c.Started),
		Query:        c.Query,
		Messages:     c.Messages,
		Events:       c.Events,
		Unread:       duration(c.Unread),
		Subscription: c.Subscription,
		Position:     c.Position,
		Lag:          c.Lag,
	}
}
