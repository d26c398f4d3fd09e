package main

import (
	"context"
	"net"
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// memory is an in-memory server that supports reads by tag. It uses generated code,
// so that it does not share the client's encoding.
type memory struct {
	umadbv1.UnimplementedDCBServer
	requests []*umadbv1.AppendRequest
	events   []*umadbv1.SequencedEvent
}

func (m *memory) Append(_ context.Context, request *umadbv1.AppendRequest) (*umadbv1.AppendResponse, error) {
	m.requests = append(m.requests, request)
	for _, event := range request.Events {
		m.events = append(m.events, &umadbv1.SequencedEvent{Position: uint64(len(m.events) + 1), Event: event})
	}
	return &umadbv1.AppendResponse{Position: uint64(len(m.events))}, nil
}

func (m *memory) Read(request *umadbv1.ReadRequest, stream grpc.ServerStreamingServer[umadbv1.ReadResponse]) error {
	head := uint64(len(m.events))
	response := &umadbv1.ReadResponse{Head: &head}
	for _, event := range m.events {
		items := request.GetQuery().GetItems()
		if len(items) > 0 && !slices.Contains(event.Event.Tags, items[0].Tags[0]) {
			continue
		}
		response.Events = append(response.Events, event)
		if len(response.Events) == 7 {
			if err := stream.Send(response); err != nil {
				return err
			}
			response.Events = nil
		}
	}
	return stream.Send(response)
}

func (m *memory) Head(context.Context, *umadbv1.HeadRequest) (*umadbv1.HeadResponse, error) {
	head := uint64(len(m.events))
	return &umadbv1.HeadResponse{Position: &head}, nil
}

// connected returns a new server and a client that is connected to it.
func connected(t *testing.T) (*memory, client) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &memory{}
	server := grpc.NewServer(grpc.Creds(insecure.NewCredentials()))
	umadbv1.RegisterDCBServer(server, m)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	clients, err := umadb{}.connect(t.Context(), listener.Addr().String(), [][]byte{payload(20, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeAll(clients) })
	return m, clients[0]
}

func small() *options { return &options{dataBytes: 20, preload: 40, perTag: 10} }

func TestAppenderCountsStoredEvents(t *testing.T) {
	m, c := connected(t)
	var counted tally
	a := newAppender(c, small(), 3, 2)
	for range 4 {
		if err := a.call(t.Context(), &counted); err != nil {
			t.Fatal(err)
		}
	}
	orders := map[string]bool{}
	for _, event := range m.events {
		orders[event.Event.Tags[1]] = true
	}
	if counted.events.Load() != 12 || len(m.events) != 12 || len(orders) != 12 {
		t.Errorf("%d counted, %d stored, %d orders", counted.events.Load(), len(m.events), len(orders))
	}
	if stored, err := c.stored(t.Context()); err != nil || stored != 12 {
		t.Errorf("%d events, %v", stored, err)
	}
}

func TestConditionIsTheLastOrderAboveTheKnownHead(t *testing.T) {
	m, c := connected(t)
	a := &conditionalAppender{appender: newAppender(c, small(), 2, 0)}
	for range 2 {
		if err := a.call(t.Context(), &tally{}); err != nil {
			t.Fatal(err)
		}
	}
	for i, request := range m.requests {
		items := request.GetCondition().GetFailIfEventsMatch().GetItems()
		if len(items) != 1 || !slices.Equal(items[0].Types, []string{eventType}) || !slices.Equal(items[0].Tags, request.Events[1].Tags[1:]) {
			t.Errorf("condition of request %d has items %v", i, items)
		}
		if after := request.GetCondition().GetAfter(); after != uint64(2*i) {
			t.Errorf("condition of request %d has after %d", i, after)
		}
	}
}

func TestReadersCountPreloadedEvents(t *testing.T) {
	_, c := connected(t)
	o := small()
	if err := preload(t.Context(), c, o); err != nil {
		t.Fatal(err)
	}
	var scanned, found tally
	if err := (&scanner{client: c, expected: 40}).call(t.Context(), &scanned); err != nil {
		t.Error(err)
	}
	finder := newFinder(c, o, 1)
	for range 10 {
		if err := finder.call(t.Context(), &found); err != nil {
			t.Error(err)
		}
	}
	if scanned.events.Load() != 40 || found.events.Load() != 100 {
		t.Errorf("%d scanned, %d found", scanned.events.Load(), found.events.Load())
	}
}

func TestWrongNumberOfEventsIsAnError(t *testing.T) {
	_, c := connected(t)
	if err := (&scanner{client: c, expected: 1}).call(t.Context(), &tally{}); err == nil {
		t.Error("no error for an empty store, want one event")
	}
}
