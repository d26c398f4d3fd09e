package admin_test

import (
	"errors"
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/admin"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/server"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// rejections returns what the server keeps.
func rejections(t *testing.T, c *admin.Client, limit uint32) *adminv1.RejectionsResponse {
	t.Helper()
	all, err := c.Rejections(within(t), limit)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// reject makes an append that must be rejected.
func reject(t *testing.T, c *client.Client, events []dcb.Event, condition *dcb.AppendCondition, tracking *dcb.TrackingInfo) {
	t.Helper()
	if _, err := c.Append(within(t), events, condition, tracking); !errors.Is(err, dcb.ErrIntegrity) {
		t.Fatalf("the append returned %v", err)
	}
}

func TestRejectionsOfConditionAndTracking(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	c := r.dial(t, apiKey)
	if all := rejections(t, r.admin(t), 0); len(all.GetRejections()) != 0 || all.GetTotal() != 0 || all.GetSince().AsTime().IsZero() {
		t.Errorf("at the start: %v", all)
	}
	r.append(t, &dcb.TrackingInfo{Source: "payments", Position: 17}, dcb.Event{Type: "Enrolled", Tags: []string{"course:go"}})
	query := dcb.Query{Items: []dcb.QueryItem{{Tags: []string{"none"}}, {Types: []string{"Offered", "Enrolled"}, Tags: []string{"course:go"}}}}
	reject(t, c, []dcb.Event{{Type: "Enrolled", Tags: []string{"course:go", "student:bob"}, Data: []byte("secret")}}, &dcb.AppendCondition{FailIfEventsMatch: query}, nil)
	reject(t, c, []dcb.Event{{Type: "Paid"}}, nil, &dcb.TrackingInfo{Source: "payments", Position: 17})
	all := rejections(t, r.admin(t), 0)
	if len(all.GetRejections()) != 2 || all.GetTotal() != 2 {
		t.Fatalf("got %v", all)
	}
	byTracking, byCondition := all.GetRejections()[0], all.GetRejections()[1]
	for _, rejection := range all.GetRejections() {
		if at := rejection.GetTime().AsTime(); at.Before(all.GetSince().AsTime()) || rejection.GetPeer() == "" || rejection.GetKey() != server.APIKeyName {
			t.Errorf("rejection %v", rejection)
		}
		rejection.Time, rejection.Peer, rejection.Key = nil, "", ""
	}
	if want := (&adminv1.Rejection{
		Number:           1,
		Events:           []*adminv1.RejectedEvent{{Type: "Enrolled", Tags: []string{"course:go", "student:bob"}}},
		Condition:        &adminv1.RejectedCondition{Items: []*adminv1.RejectedItem{{Tags: []string{"none"}}, {Types: []string{"Offered", "Enrolled"}, Tags: []string{"course:go"}}}},
		ConflictPosition: 1,
		Reason:           byCondition.GetReason(),
	}); !proto.Equal(byCondition, want) || want.Reason == "" {
		t.Errorf("got  %v\nwant %v", byCondition, want)
	}
	if want := (&adminv1.Rejection{
		Number:   2,
		Events:   []*adminv1.RejectedEvent{{Type: "Paid"}},
		Tracking: &adminv1.TrackingSource{Source: "payments", Position: 17},
		Reason:   byTracking.GetReason(),
	}); !proto.Equal(byTracking, want) || want.Reason == "" {
		t.Errorf("got  %v\nwant %v", byTracking, want)
	}
}

// Many rejections are sent in several messages.
func TestRejectionsUpToLimit(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	c := r.dial(t, apiKey)
	r.append(t, nil, dcb.Event{Type: "A"})
	for n := range 100 {
		reject(t, c, []dcb.Event{{Type: "A", Tags: []string{fmt.Sprintf("%0200d", n)}}}, new(dcb.AppendCondition), nil)
	}
	for limit, want := range map[uint32]int{0: 100, 1: 1, 60: 60, 1000: 100} {
		all := rejections(t, r.admin(t), limit)
		if len(all.GetRejections()) != want || all.GetTotal() != 100 {
			t.Errorf("limit %d: %d of %d rejections", limit, len(all.GetRejections()), all.GetTotal())
		}
		for i, rejection := range all.GetRejections() {
			if rejection.GetNumber() != uint64(100-i) || rejection.GetEvents()[0].GetTags()[0] != fmt.Sprintf("%0200d", 99-i) {
				t.Errorf("limit %d: number %d is %v", limit, i, rejection)
			}
		}
	}
}

func TestOperatorRejections(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	c := r.dial(t, apiKey)
	r.append(t, nil, dcb.Event{Type: "A"})
	reject(t, c, []dcb.Event{{Type: "B"}}, new(dcb.AppendCondition), nil)
	all, err := admin.Operator{Client: r.admin(t)}.Rejections(within(t), 0)
	if err != nil || len(all.GetRejections()) != 1 {
		t.Errorf("got %v, %v", all, err)
	}
}
