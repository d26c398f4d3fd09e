package client_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

func TestAppendSendsEverything(t *testing.T) {
	var got *umadbv1.AppendRequest
	s := &scripted{onAppend: func(_ context.Context, r *umadbv1.AppendRequest) (uint64, error) { got = r; return 42, nil }}
	position, err := s.connect(t).Append(within(t, patience),
		[]dcb.Event{
			{Type: "t", Tags: []string{"a", "b"}, Data: []byte("d"), UUID: "u", Metadata: []dcb.Metadata{{Key: "k", Value: "v"}}},
			{},
		},
		&dcb.AppendCondition{FailIfEventsMatch: dcb.Query{Items: []dcb.QueryItem{{Types: []string{"t"}, Tags: []string{"a"}}}}, After: 9},
		&dcb.TrackingInfo{Source: "s", Position: 3},
	)
	if err != nil || position != 42 {
		t.Fatalf("%d, %v", position, err)
	}
	want := &umadbv1.AppendRequest{
		Events: []*umadbv1.Event{
			{EventType: "t", Tags: []string{"a", "b"}, Data: []byte("d"), Uuid: "u", Metadata: []*umadbv1.MetadataEntry{{Key: "k", Value: "v"}}},
			{},
		},
		Condition: &umadbv1.AppendCondition{
			FailIfEventsMatch: &umadbv1.Query{Items: []*umadbv1.QueryItem{{Types: []string{"t"}, Tags: []string{"a"}}}},
			After:             proto.Uint64(9),
		},
		TrackingInfo: &umadbv1.TrackingInfo{Source: "s", Position: 3},
	}
	if !proto.Equal(got, want) {
		t.Errorf("the server got %v, want %v", got, want)
	}
}

func TestReadSendsEverything(t *testing.T) {
	var got *umadbv1.ReadRequest
	s := &scripted{onRead: func(r *umadbv1.ReadRequest, stream grpc.ServerStreamingServer[umadbv1.ReadResponse]) error {
		got = r
		if err := stream.Send(&umadbv1.ReadResponse{Events: sequenced(5, 2), Head: proto.Uint64(9)}); err != nil {
			return err
		}
		return stream.Send(&umadbv1.ReadResponse{Events: sequenced(8, 1), Head: proto.Uint64(9)})
	}}
	s.start(t, "127.0.0.1:0")
	c := dial(t, s.url, &client.Options{BatchSize: 77})
	query := dcb.Query{Items: []dcb.QueryItem{{Types: []string{"t"}}}}
	events, head, err := c.Read(within(t, patience), query, dcb.ReadOptions{Start: new(uint64(4)), Backwards: true, Limit: new(uint32(6))}).Collect()
	if err != nil || head != 9 || len(events) != 3 || events[2].Position != 8 || events[0].Event.Type != "happened" {
		t.Fatalf("%v, %d, %v", events, head, err)
	}
	want := &umadbv1.ReadRequest{
		Query:     &umadbv1.Query{Items: []*umadbv1.QueryItem{{Types: []string{"t"}}}},
		Start:     proto.Uint64(4),
		Backwards: proto.Bool(true),
		Limit:     proto.Uint32(6),
		BatchSize: proto.Uint32(77),
	}
	if !proto.Equal(got, want) {
		t.Errorf("the server got %v, want %v", got, want)
	}
}

func TestHeadAndTrackingDistinguishNoneFromZero(t *testing.T) {
	position := new(uint64)
	s := &scripted{
		onHead:     func(context.Context) (*uint64, error) { return position, nil },
		onTracking: func(context.Context, string) (*uint64, error) { return position, nil },
	}
	c := s.connect(t)
	for _, position = range []*uint64{nil, new(uint64(0)), new(uint64(1 << 63))} {
		var want uint64
		if position != nil {
			want = *position
		}
		if head, err := c.Head(within(t, patience)); err != nil || head != want {
			t.Errorf("head %d, %v; want %d", head, err, want)
		}
		if tracked, found, err := c.GetTrackingInfo(within(t, patience), "s"); err != nil || tracked != want || found != (position != nil) {
			t.Errorf("tracking %d, %v, %v; want %d", tracked, found, err, want)
		}
	}
}

func TestLargeMessage(t *testing.T) {
	data := make([]byte, 20<<20)
	s := &scripted{onRead: func(_ *umadbv1.ReadRequest, stream grpc.ServerStreamingServer[umadbv1.ReadResponse]) error {
		return stream.Send(&umadbv1.ReadResponse{Events: []*umadbv1.SequencedEvent{{Position: 1, Event: &umadbv1.Event{Data: data}}}})
	}}
	events, _, err := s.connect(t).Read(within(t, patience), dcb.Query{}, dcb.ReadOptions{}).Collect()
	if err != nil || len(events) != 1 || len(events[0].Event.Data) != len(data) {
		t.Errorf("%d events, %v", len(events), err)
	}
}

func TestErrorsOfExistingServers(t *testing.T) {
	for _, row := range []struct {
		code      codes.Code
		errorType umadbv1.ErrorResponse_ErrorType
		message   string
		want      dcb.Error
	}{
		{codes.FailedPrecondition, umadbv1.ErrorResponse_INTEGRITY, "integrity error: it matches", dcb.Error{Kind: dcb.ErrIntegrity, Detail: "it matches", ConflictPosition: 5}},
		{codes.InvalidArgument, umadbv1.ErrorResponse_INVALID_ARGUMENT, "bad", dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "bad", ConflictPosition: 5}},
		{codes.Internal, umadbv1.ErrorResponse_IO, "io error: disk", dcb.Error{Kind: dcb.ErrIO, Detail: "disk", ConflictPosition: 5}},
		{codes.DataLoss, umadbv1.ErrorResponse_SERIALIZATION, "serialization error: x", dcb.Error{Kind: dcb.ErrSerialization, Detail: "x", ConflictPosition: 5}},
	} {
		fail := func(ctx context.Context) error {
			return bareError(ctx, row.code, &umadbv1.ErrorResponse{Message: row.message, ErrorType: row.errorType, ConflictPosition: proto.Uint64(5)})
		}
		s := &scripted{
			onAppend: func(ctx context.Context, _ *umadbv1.AppendRequest) (uint64, error) { return 0, fail(ctx) },
			onRead: func(_ *umadbv1.ReadRequest, stream grpc.ServerStreamingServer[umadbv1.ReadResponse]) error {
				return fail(stream.Context())
			},
			onSubscribe: func(_ *umadbv1.SubscribeRequest, stream grpc.ServerStreamingServer[umadbv1.SubscribeResponse]) error {
				return fail(stream.Context())
			},
			onHead: func(ctx context.Context) (*uint64, error) { return nil, fail(ctx) },
		}
		c := s.connect(t)
		_, appended := c.Append(within(t, patience), nil, nil, nil)
		_, headed := c.Head(within(t, patience))
		_, _, read := c.Read(within(t, patience), dcb.Query{}, dcb.ReadOptions{}).Collect()
		var subscribed error
		for _, err := range c.Subscribe(within(t, patience), dcb.Query{}, 0) {
			subscribed = err
		}
		for _, err := range []error{appended, headed, read, subscribed} {
			var got *dcb.Error
			if !errors.As(err, &got) || !reflect.DeepEqual(*got, row.want) {
				t.Errorf("%s: got %#v", row.message, err)
			}
		}
	}
}

func TestCallEndsWithContext(t *testing.T) {
	s := &scripted{
		onAppend: func(ctx context.Context, _ *umadbv1.AppendRequest) (uint64, error) { <-ctx.Done(); return 0, ctx.Err() },
		onRead: func(_ *umadbv1.ReadRequest, stream grpc.ServerStreamingServer[umadbv1.ReadResponse]) error {
			<-stream.Context().Done()
			return stream.Context().Err()
		},
		onSubscribe: func(_ *umadbv1.SubscribeRequest, stream grpc.ServerStreamingServer[umadbv1.SubscribeResponse]) error {
			<-stream.Context().Done()
			return stream.Context().Err()
		},
		onHead: func(ctx context.Context) (*uint64, error) { return nil, errUnavailable },
	}
	c := s.connect(t)
	for name, call := range map[string]func(context.Context) error{
		"append":                          func(ctx context.Context) error { _, err := c.Append(ctx, nil, nil, nil); return err },
		"head, while waiting for a retry": func(ctx context.Context) error { _, err := c.Head(ctx); return err },
		"read": func(ctx context.Context) error {
			_, err := c.Read(ctx, dcb.Query{}, dcb.ReadOptions{}).NextBatch()
			return err
		},
		"subscribe": func(ctx context.Context) error {
			for _, err := range c.Subscribe(ctx, dcb.Query{}, 0) {
				return err
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			timed, cancel := context.WithTimeout(context.Background(), 1)
			defer cancel()
			if err := call(timed); !errors.Is(err, dcb.ErrTransport) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("past its deadline: %v", err)
			}
			cancelled, cancel := context.WithCancel(context.Background())
			cancel()
			if err := call(cancelled); !errors.Is(err, dcb.ErrTransport) || !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}
			short, cancel := context.WithTimeout(context.Background(), patience/200)
			defer cancel()
			if err := call(short); !errors.Is(err, dcb.ErrTransport) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("in the middle: %v", err)
			}
		})
	}
}
