package server_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/server"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// sessions returns the sessions of a server.
func sessions(t *testing.T, r *running) (all []*server.Session) {
	t.Helper()
	for s := range r.Sessions() {
		all = append(all, s)
	}
	return all
}

// awaitSession waits until the only session satisfies a condition.
func awaitSession(t *testing.T, r *running, holds func(*server.Session) bool) *server.Session {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		all := sessions(t, r)
		if len(all) == 1 && holds(all[0]) {
			return all[0]
		}
		if time.Now().After(deadline) {
			for _, s := range all {
				t.Logf("session %+v", *s)
			}
			t.Fatalf("%d sessions, want one as expected", len(all))
		}
	}
}

func subscription(s *server.Session) (server.SessionCall, bool) {
	for _, c := range s.Calls {
		if c.Method == "/umadb.v1.DCB/Subscribe" {
			return c, true
		}
	}
	return server.SessionCall{}, false
}

func TestSessionShowsConnectionAndSubscription(t *testing.T) {
	before := time.Now()
	r := start(t, newMemoryStore(), server.Options{})
	client := r.client(t, grpc.WithUserAgent("course-app/1"))
	query := &umadbv1.Query{Items: []*umadbv1.QueryItem{{Types: []string{"Some"}, Tags: []string{"course:1"}}, {Tags: []string{"x"}}}}
	stream, err := client.Subscribe(within(t, patience), &umadbv1.SubscribeRequest{Query: query})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := client.Append(within(t, patience), &umadbv1.AppendRequest{Events: []*umadbv1.Event{someEvent("x")}}); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
	}
	s := awaitSession(t, r, func(s *server.Session) bool {
		c, found := subscription(s)
		return found && c.Events == 3 && c.Lag == 0 && c.Unread == 0
	})
	c, _ := subscription(s)
	if !s.Authenticated || s.Key != "" || !strings.HasPrefix(s.UserAgent, "course-app/1") || s.Peer == "" || s.ID == 0 {
		t.Errorf("session %+v", s)
	}
	if !c.Subscription || c.Messages != 3 || c.Position != 3 || c.Query != "type=Some tag=course:1 or tag=x" {
		t.Errorf("subscription %+v", c)
	}
	for what, at := range map[string]time.Time{"connection": s.Started, "call": c.Started} {
		if at.Before(before) || at.After(time.Now()) {
			t.Errorf("the %s has started at %v", what, at)
		}
	}
}

func TestSessionShowsLagOfClientThatDoesNotRead(t *testing.T) {
	r, client := startLarge(t, server.Options{APIKey: ""})
	stream, err := client.Subscribe(within(t, patience), &umadbv1.SubscribeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	s := awaitSession(t, r, func(s *server.Session) bool {
		c, found := subscription(s)
		return found && c.Unread > 10*time.Millisecond
	})
	c, _ := subscription(s)
	if c.Lag == 0 || c.Lag+c.Position != 64 {
		t.Errorf("lag %d after position %d, want 64 together", c.Lag, c.Position)
	}
	for read := 0; read < 64; {
		message, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		read += len(message.GetEvents())
	}
	awaitSession(t, r, func(s *server.Session) bool {
		c, found := subscription(s)
		return found && c.Lag == 0 && c.Unread == 0 && c.Position == 64
	})
}

func TestSessionsWithoutAuthenticatedCall(t *testing.T) {
	r := start(t, newMemoryStore(), server.Options{})
	conn := r.dial(t)
	conn.Connect()
	if s := awaitSession(t, r, func(*server.Session) bool { return true }); s.Authenticated || len(s.Calls) != 0 {
		t.Errorf("session %+v", s)
	}
	conn.Close()
	for deadline := time.Now().Add(patience); len(sessions(t, r)) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the connection is still shown")
		}
	}
}

func TestShortQuery(t *testing.T) {
	long := strings.Repeat("é", 300)
	for want, q := range map[string]dcb.Query{
		"*":                   {},
		"type=A type=B tag=x": {Items: []dcb.QueryItem{{Types: []string{"A", "B"}, Tags: []string{"x"}}}},
		"tag=x tag=y or *":    {Items: []dcb.QueryItem{{Tags: []string{"x", "y"}}, {}}},
		"type=" + strings.Repeat("é", 97) + "…": {Items: []dcb.QueryItem{{Types: []string{long, long}}, {}}},
	} {
		if got := server.ShortQuery(q); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
