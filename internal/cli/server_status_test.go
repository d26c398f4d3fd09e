package cli

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// newTestSessions returns connections with IDs from 1 on, each with a number of subscriptions.
func newTestSessions(subscriptions ...int) *adminv1.SessionsResponse {
	all, since := new(adminv1.SessionsResponse), timestamppb.New(time.Unix(1, 0))
	for i, n := range subscriptions {
		id := uint64(i) + 1
		all.Sessions = append(all.Sessions, &adminv1.Session{Id: id, Peer: fmt.Sprint("peer", id), Since: since, Authenticated: true})
		for range n {
			all.Calls = append(all.Calls, &adminv1.Call{Session: id, Method: "umadb.v1.DCB/Subscribe", Since: since, Subscription: true, Lag: id})
		}
	}
	return all
}

func TestConnectionsWithoutCallsAreLast(t *testing.T) {
	s := newTestState(1, 10, 0, 0)
	s.sessions = newTestSessions(0, 1, 0, 2)
	var ids []uint64
	for _, c := range s.connections() {
		ids = append(ids, c.ID)
	}
	if want := []uint64{2, 4, 1, 3}; !slices.Equal(ids, want) {
		t.Errorf("the connections are %v, want %v", ids, want)
	}
}

// top asks for few subscriptions. A server of an older version sends all of them, and not their
// number.
func TestRatesHaveTheSubscriptionsThatLagMost(t *testing.T) {
	for _, c := range []struct {
		sessions *adminv1.SessionsResponse
		number   uint64 // that the server sends
		want     string
	}{
		{newTestSessions(1, 1), 500, "\n500 subscriptions, those that lag most first\n"},
		{newTestSessions(20, 5), 0, "\n25 subscriptions, those that lag most first\n"},
	} {
		now := newTestState(1, 10, 0, 0)
		now.sessions = c.sessions
		now.sessions.Subscriptions = c.number
		r := newRates("here", newTestState(1, 9, 0, 0), now)
		if len(r.Subscriptions) > listedSubscriptions || *r.Subscriptions[0].Lag != 2 {
			t.Errorf("%d subscriptions, of which the first lags by %d", len(r.Subscriptions), *r.Subscriptions[0].Lag)
		}
		if text := topText("here", r, nil); !strings.Contains(text, c.want) || strings.Count(text, "peer") > listedSubscriptions {
			t.Errorf("the text is %s", text)
		}
	}
}
