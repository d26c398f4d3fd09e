package server_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/internal/server"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// legacyClient makes calls under the name that the service had before it had a version.
type legacyClient struct{ *grpc.ClientConn }

func legacyName(method string) string {
	return "/umadb.UmaDBService" + method[len("/umadb.v1.DCB"):]
}

func (f legacyClient) Invoke(ctx context.Context, method string, args, reply any, options ...grpc.CallOption) error {
	return f.ClientConn.Invoke(ctx, legacyName(method), args, reply, options...)
}

func (f legacyClient) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, options ...grpc.CallOption) (grpc.ClientStream, error) {
	return f.ClientConn.NewStream(ctx, desc, legacyName(method), options...)
}

func TestEveryMethodHasBothServiceNames(t *testing.T) {
	for name, client := range map[string]func(*grpc.ClientConn) umadbv1.DCBClient{
		"umadb.v1.DCB":       func(c *grpc.ClientConn) umadbv1.DCBClient { return umadbv1.NewDCBClient(c) },
		"umadb.UmaDBService": func(c *grpc.ClientConn) umadbv1.DCBClient { return umadbv1.NewDCBClient(legacyClient{c}) },
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, newMemoryStore(), server.Options{})
			callEveryMethod(t, client(r.dial(t)))
		})
	}
}

func callEveryMethod(t *testing.T, client umadbv1.DCBClient) {
	ctx := within(t, patience)
	if head, err := client.Head(ctx, &umadbv1.HeadRequest{}); err != nil || head.Position != nil {
		t.Fatalf("head of an empty store: %v, %v", head, err)
	}
	tracking := &umadbv1.TrackingInfo{Source: "upstream", Position: 7}
	events := []*umadbv1.Event{someEvent("a", "b"), {}, someEvent()}
	appended, err := client.Append(ctx, &umadbv1.AppendRequest{Events: events, Condition: anyEvent(), TrackingInfo: tracking})
	if err != nil || appended.Position != 3 {
		t.Fatalf("append: %v, %v", appended, err)
	}
	if head, err := client.Head(ctx, &umadbv1.HeadRequest{}); err != nil || head.GetPosition() != 3 {
		t.Fatalf("head: %v, %v", head, err)
	}
	if info, err := client.GetTrackingInfo(ctx, &umadbv1.TrackingRequest{Source: "upstream"}); err != nil || info.GetPosition() != 7 {
		t.Fatalf("tracking: %v, %v", info, err)
	}
	if info, err := client.GetTrackingInfo(ctx, &umadbv1.TrackingRequest{Source: "other"}); err != nil || info.Position != nil {
		t.Fatalf("unknown tracking: %v, %v", info, err)
	}

	read, err := client.Read(ctx, &umadbv1.ReadRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for i, event := range events {
		message, err := read.Recv()
		if err != nil {
			t.Fatal(err)
		}
		want := &umadbv1.SequencedEvent{Position: uint64(i + 1), Event: event, TrackingInfo: tracking}
		if len(message.Events) != 1 || !proto.Equal(message.Events[0], want) || message.GetHead() != 3 {
			t.Errorf("read %v, want %v", message, want)
		}
	}
	if _, err := read.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("the read ends with %v", err)
	}

	subscription, err := client.Subscribe(ctx, &umadbv1.SubscribeRequest{After: proto.Uint64(2)})
	if err != nil {
		t.Fatal(err)
	}
	if message, err := subscription.Recv(); err != nil || message.Events[0].Position != 3 {
		t.Fatalf("subscribed: %v, %v", message, err)
	}
	if _, err := client.Append(ctx, &umadbv1.AppendRequest{Events: events[:1]}); err != nil {
		t.Fatal(err)
	}
	if message, err := subscription.Recv(); err != nil || message.Events[0].Position != 4 {
		t.Fatalf("subscribed: %v, %v", message, err)
	}
}

func TestReadWithSubscribeContinues(t *testing.T) {
	r := start(t, newMemoryStore(), server.Options{})
	client := r.client(t)
	ctx := within(t, patience)
	read, err := client.Read(ctx, readOn())
	if err != nil {
		t.Fatal(err)
	}
	for position := uint64(1); position <= 3; position++ {
		if _, err := client.Append(ctx, &umadbv1.AppendRequest{Events: []*umadbv1.Event{someEvent()}}); err != nil {
			t.Fatal(err)
		}
		if message, err := read.Recv(); err != nil || message.Events[0].Position != position || message.Head != nil {
			t.Fatalf("read %v, %v", message, err)
		}
	}
}

func TestLargeMessages(t *testing.T) {
	r := start(t, newMemoryStore(), server.Options{})
	client := r.client(t)
	ctx := within(t, patience)
	large := &umadbv1.Event{Data: make([]byte, 3<<20)}
	for i := range large.Data {
		large.Data[i] = byte(i * 7 >> 3)
	}
	events := []*umadbv1.Event{large, someEvent(), large, large}
	if _, err := client.Append(ctx, &umadbv1.AppendRequest{Events: events}); err != nil {
		t.Fatal(err)
	}
	read, err := client.Read(ctx, &umadbv1.ReadRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range events {
		message, err := read.Recv()
		if err != nil || !proto.Equal(message.Events[0].Event, event) {
			t.Fatalf("an event of %d bytes was not returned unchanged: %v", len(event.Data), err)
		}
	}
}
