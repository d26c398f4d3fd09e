package admin_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/admin"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/record"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// calls returns the calls of a method.
func calls(t *testing.T, c *admin.Client, method string) (found []*adminv1.Call) {
	t.Helper()
	all, err := c.Sessions(within(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range all.Calls {
		if call.Method == "umadb.v1.DCB/"+method {
			found = append(found, call)
		}
	}
	return found
}

func TestSessionsShowLagOfSlowSubscriber(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	c := r.admin(t)
	subscriber := r.dial(t, apiKey)
	query := dcb.Query{Items: []dcb.QueryItem{{Types: []string{"Large"}}}}
	stream := subscriber.SubscribeMessages(t.Context(), record.EncodeSubscribe(&record.SubscribeRequest{Query: query}), false)
	defer stream.Close()
	r.append(t, nil, dcb.Event{Type: "Large"})
	if _, err := stream.Next(); err != nil {
		t.Fatal(err)
	}
	for range 8 { // more than the client buffers
		r.append(t, nil, dcb.Event{Type: "Large", Data: make([]byte, 1<<20)})
	}
	var slow *adminv1.Call
	eventually(t, "the subscription lags", func() bool {
		found := calls(t, c, "Subscribe")
		if len(found) != 1 || found[0].Unread.AsDuration() == 0 {
			return false
		}
		slow = found[0]
		return true
	})
	if !slow.Subscription || slow.Lag == 0 || slow.Lag+slow.Position != 9 || slow.Events != slow.Position || slow.Query != "type=Large" || slow.Key == "" {
		t.Errorf("the slow subscription is %v", slow)
	}
	for range 8 {
		if _, err := stream.Next(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the subscription has caught up", func() bool {
		found := calls(t, c, "Subscribe")
		return len(found) == 1 && found[0].Lag == 0 && found[0].Position == 9 && found[0].Unread == nil
	})
}

func TestSessionsThatLagMost(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	c := r.admin(t)
	r.append(t, nil, dcb.Event{Type: "Large"})
	large := record.EncodeSubscribe(&record.SubscribeRequest{Query: dcb.Query{Items: []dcb.QueryItem{{Types: []string{"Large"}}}}})
	for i := range 4 { // two subscriptions whose clients do not read on, and two of others
		conn := r.dial(t, apiKey)
		if i%2 == 0 {
			stream := conn.SubscribeMessages(t.Context(), large, false)
			defer stream.Close()
			if _, err := stream.Next(); err != nil { // which starts the call
				t.Fatal(err)
			}
			continue
		}
		go func() {
			for range conn.Subscribe(t.Context(), dcb.Query{}, 0) {
			}
		}()
	}
	for range 8 { // more than the client buffers
		r.append(t, nil, dcb.Event{Type: "Large", Data: make([]byte, 1<<20)})
	}
	eventually(t, "the subscriptions whose clients do not read are first", func() bool {
		found, err := c.Lagging(within(t), 2)
		if err != nil {
			t.Fatal(err)
		}
		if len(found.Calls) > 2 || len(found.Sessions) != len(found.Calls) {
			t.Fatalf("%d calls of %d connections", len(found.Calls), len(found.Sessions))
		}
		for _, call := range found.Calls {
			if call.Query != "type=Large" || call.Lag == 0 {
				return false
			}
		}
		return len(found.Calls) == 2 && found.Subscriptions == 4
	})
	if all, err := c.Sessions(within(t)); err != nil || len(all.Sessions) != 5 || all.Subscriptions != 4 {
		t.Errorf("%d connections, %d subscriptions, %v", len(all.GetSessions()), all.GetSubscriptions(), err)
	}
	if _, err := c.Lagging(within(t), 1001); !errors.Is(err, dcb.ErrInvalidArgument) {
		t.Errorf("more than the maximum: %v", err)
	}
}

func TestSessionsOfThousandConnections(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	r.append(t, nil, dcb.Event{Type: "A"})
	open := make(chan *client.Messages)
	const connections = 1000
	for range 20 {
		go func() {
			for range connections / 20 {
				c, err := client.Dial(r.url, &client.Options{CAFile: r.caFile, APIKey: apiKey, ConnectTimeout: patience})
				if err != nil {
					t.Error(err)
					open <- nil
					continue
				}
				t.Cleanup(func() { c.Close() })
				stream := c.SubscribeMessages(t.Context(), nil, false)
				if _, err := stream.Next(); err != nil {
					t.Error(err)
				}
				open <- stream
			}
		}()
	}
	for range connections {
		if stream := <-open; stream != nil {
			defer stream.Close()
		}
	}
	all, err := r.admin(t).Sessions(within(t))
	if err != nil {
		t.Fatal(err)
	}
	ids := map[uint64]bool{}
	for _, s := range all.Sessions {
		if ids[s.Id] || !s.Authenticated || s.UserAgent != "umadb-go" || s.Calls != 1 || s.Key == "" {
			t.Errorf("session %v", s)
		}
		ids[s.Id] = true
	}
	subscribed := map[uint64]bool{}
	for _, call := range all.Calls {
		if call.Subscription {
			subscribed[call.Session] = call.Position == 1
		} else if call.Method != "umadb.admin.v1.Admin/Sessions" {
			t.Errorf("call %v", call)
		}
	}
	if len(ids) != connections+1 || len(subscribed) != connections || all.Head != 1 {
		t.Errorf("%d sessions, %d subscriptions, head %d", len(ids), len(subscribed), all.Head)
	}
	if slices.Contains(slices.Collect(maps.Values(subscribed)), false) {
		t.Error(fmt.Sprint("a subscription has not delivered its event: ", subscribed))
	}
}
