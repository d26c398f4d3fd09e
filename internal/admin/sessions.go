package admin

import (
	"fmt"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/server"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// Sessions implements adminv1.AdminServer.
func (s *service) Sessions(request *adminv1.SessionsRequest, stream grpc.ServerStreamingServer[adminv1.SessionsResponse]) error {
	most := request.GetLagging()
	if most > maxLagging {
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("%d subscriptions cannot be returned, at most %d", most, maxLagging)}
	}
	var err error
	out := &sessionSender{service: s, stream: stream}
	if most == 0 {
		err = s.sendSessions(out)
	} else {
		err = s.sendLagging(out, int(most))
	}
	if err != nil {
		return err
	}
	out.next.Subscriptions = out.subscriptions
	return out.send()
}

// sendSessions sends all connections and their calls.
func (s *service) sendSessions(out *sessionSender) error {
	for session := range s.server.Sessions() {
		err := out.addSession(newSession(session))
		for i := 0; err == nil && i < len(session.Calls); i++ {
			c := &session.Calls[i]
			if c.Subscription {
				out.subscriptions++
			}
			err = out.addCall(newCall(session.ID, c))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sessionSender sends sessions and calls, many in each message.
type sessionSender struct {
	service *service
	stream  grpc.ServerStreamingServer[adminv1.SessionsResponse]
	next    adminv1.SessionsResponse
	bytes   int

	subscriptions uint64 // all of the server
}

func (o *sessionSender) addSession(s *adminv1.Session) error {
	o.next.Sessions = append(o.next.Sessions, s)
	return o.added(len(s.GetPeer()) + len(s.GetUserAgent()) + len(s.GetKey()))
}

func (o *sessionSender) addCall(c *adminv1.Call) error {
	o.next.Calls = append(o.next.Calls, c)
	return o.added(len(c.GetMethod()) + len(c.GetQuery()) + len(c.GetKey()))
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
