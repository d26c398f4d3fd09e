package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/internal/admin"
	"github.com/umadb-go/umadb/internal/client"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// statusTimeout is how long a command waits for the state of a server.
const statusTimeout = 10 * time.Second

// operated is a server whose state a command shows.
type operated struct {
	url  string
	auth auth
}

func (o *operated) addFlags(flags *pflag.FlagSet) {
	addURLFlag(flags, &o.url)
	o.auth.addFlags(flags)
}

// dial connects to the server. It returns errInterrupted when ctx is done.
func (o *operated) dial(ctx context.Context, flags *pflag.FlagSet) (*client.Client, error) {
	return openUntil(ctx, func() (*client.Client, error) {
		return o.auth.dial(flags, o.url, "start one with umadb serve, or set another --url")
	})
}

// serverState is the state of a server at one moment.
type serverState struct {
	health, appends client.HealthStatus
	head            uint64
	status          *adminv1.StatusResponse   // nil if the server has no service for operators
	sessions        *adminv1.SessionsResponse // likewise
}

// state asks the server for its state, with all connections and calls, or only with the
// subscriptions that lag most.
func (o *operated) state(ctx context.Context, c *client.Client, onlyLagging bool) (*serverState, error) {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	s := new(serverState)
	var err error
	if s.health, err = c.CheckHealth(ctx, ""); err != nil {
		return nil, err
	}
	// A server that does not know the health of appends does not report it.
	s.appends, _ = c.CheckHealth(ctx, "umadb.v1.DCB/append")
	operator := admin.NewClient(c)
	if s.status, err = operator.Status(ctx); admin.IsMissing(err) {
		s.status = nil
		s.head, err = c.Head(ctx)
		return s, err
	}
	if err != nil {
		return nil, err
	}
	s.head = s.status.GetStore().GetHead()
	if onlyLagging {
		s.sessions, err = operator.Lagging(ctx, listedSubscriptions)
	} else {
		s.sessions, err = operator.Sessions(ctx)
	}
	return s, err
}

// callState is a call in progress, in JSON.
type callState struct {
	Session  uint64    `json:"session"`
	Method   string    `json:"method"`
	Key      string    `json:"key,omitempty"`
	Since    time.Time `json:"since"`
	Query    string    `json:"query,omitempty"`
	Messages uint64    `json:"messages"`
	Events   uint64    `json:"events"`
	// UnreadSeconds is for how long the client has not read the message that is being sent.
	UnreadSeconds float64 `json:"unread_seconds,omitempty"`
	Position      uint64  `json:"position,omitempty"` // of the last event that was sent
	// Lag is the number of positions up to the head that a subscription has not checked. It is
	// nil for other calls.
	Lag *uint64 `json:"lag,omitempty"`
}

// sessionState is a connection, in JSON.
type sessionState struct {
	ID            uint64      `json:"id"`
	Peer          string      `json:"peer"`
	Key           string      `json:"key,omitempty"`
	UserAgent     string      `json:"user_agent,omitempty"`
	Since         time.Time   `json:"since"`
	Authenticated bool        `json:"authenticated"`
	Calls         []callState `json:"calls"`
}

func newCallState(c *adminv1.Call) callState {
	s := callState{
		Session:       c.GetSession(),
		Method:        c.GetMethod(),
		Key:           c.GetKey(),
		Since:         c.GetSince().AsTime(),
		Query:         c.GetQuery(),
		Messages:      c.GetMessages(),
		Events:        c.GetEvents(),
		UnreadSeconds: c.GetUnread().AsDuration().Seconds(),
		Position:      c.GetPosition(),
	}
	if c.GetSubscription() {
		s.Lag = new(c.GetLag())
	}
	return s
}

// connections returns the connections in the order in which they were accepted, but idle ones
// last.
func (s *serverState) connections() []sessionState {
	all := []sessionState{}
	index := map[uint64]int{}
	for _, session := range s.sessions.GetSessions() {
		index[session.GetId()] = len(all)
		all = append(all, sessionState{
			ID:            session.GetId(),
			Peer:          session.GetPeer(),
			Key:           session.GetKey(),
			UserAgent:     session.GetUserAgent(),
			Since:         session.GetSince().AsTime(),
			Authenticated: session.GetAuthenticated(),
			Calls:         []callState{},
		})
	}
	for _, call := range s.sessions.GetCalls() {
		if i, found := index[call.GetSession()]; found {
			all[i].Calls = append(all[i].Calls, newCallState(call))
		}
	}
	slices.SortFunc(all, func(a, b sessionState) int {
		if idle := len(a.Calls) == 0; idle != (len(b.Calls) == 0) {
			if idle {
				return 1
			}
			return -1
		}
		return cmp.Compare(a.ID, b.ID)
	})
	return all
}

// subscriptions returns the subscriptions, those that lag most first.
func (s *serverState) subscriptions() []callState {
	all := []callState{}
	for _, call := range s.sessions.GetCalls() {
		if call.GetSubscription() {
			all = append(all, newCallState(call))
		}
	}
	slices.SortStableFunc(all, func(a, b callState) int {
		return cmp.Or(cmp.Compare(*b.Lag, *a.Lag), cmp.Compare(b.UnreadSeconds, a.UnreadSeconds), a.Since.Compare(b.Since))
	})
	return all
}

// mostLagging returns the subscriptions that lag most.
func (s *serverState) mostLagging() []callState {
	all := s.subscriptions() // all of them, from a server of an older version
	return all[:min(len(all), listedSubscriptions)]
}

// peers returns the addresses of the clients by connection.
func (s *serverState) peers() map[uint64]string {
	peers := map[uint64]string{}
	for _, session := range s.sessions.GetSessions() {
		peers[session.GetId()] = session.GetPeer()
	}
	return peers
}

// since formats the time since t, in whole seconds.
func since(t, now time.Time) string { return max(0, now.Sub(t)).Round(time.Second).String() }

// unread formats for how long a message was not read.
func unread(seconds float64) string {
	if seconds == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f s", seconds)
}
