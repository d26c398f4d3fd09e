package client_test

import (
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/servertest"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// patience is the timeout for everything that a test waits for.
const patience = 30 * time.Second

// scripted is a server of generated code with functions as methods. A method without a
// function is unimplemented.
type scripted struct {
	umadbv1.UnimplementedDCBServer
	onAppend    func(context.Context, *umadbv1.AppendRequest) (uint64, error)
	onRead      func(*umadbv1.ReadRequest, grpc.ServerStreamingServer[umadbv1.ReadResponse]) error
	onSubscribe func(*umadbv1.SubscribeRequest, grpc.ServerStreamingServer[umadbv1.SubscribeResponse]) error
	onHead      func(context.Context) (*uint64, error)
	onTracking  func(context.Context, string) (*uint64, error)
	onPosition  func(context.Context, int64) (*uint64, error) // PositionAt

	health *health.Server
	grpc   *grpc.Server
	url    string
}

func (s *scripted) Append(ctx context.Context, r *umadbv1.AppendRequest) (*umadbv1.AppendResponse, error) {
	if s.onAppend == nil {
		return s.UnimplementedDCBServer.Append(ctx, r)
	}
	position, err := s.onAppend(ctx, r)
	return &umadbv1.AppendResponse{Position: position}, err
}

func (s *scripted) Read(r *umadbv1.ReadRequest, stream grpc.ServerStreamingServer[umadbv1.ReadResponse]) error {
	if s.onRead == nil {
		return s.UnimplementedDCBServer.Read(r, stream)
	}
	return s.onRead(r, stream)
}

func (s *scripted) Subscribe(r *umadbv1.SubscribeRequest, stream grpc.ServerStreamingServer[umadbv1.SubscribeResponse]) error {
	if s.onSubscribe == nil {
		return s.UnimplementedDCBServer.Subscribe(r, stream)
	}
	return s.onSubscribe(r, stream)
}

func (s *scripted) Head(ctx context.Context, r *umadbv1.HeadRequest) (*umadbv1.HeadResponse, error) {
	if s.onHead == nil {
		return s.UnimplementedDCBServer.Head(ctx, r)
	}
	position, err := s.onHead(ctx)
	return &umadbv1.HeadResponse{Position: position}, err
}

func (s *scripted) PositionAt(ctx context.Context, r *umadbv1.PositionAtRequest) (*umadbv1.PositionAtResponse, error) {
	if s.onPosition == nil {
		return s.UnimplementedDCBServer.PositionAt(ctx, r)
	}
	position, err := s.onPosition(ctx, r.RecordedAt)
	return &umadbv1.PositionAtResponse{Position: position}, err
}

func (s *scripted) GetTrackingInfo(ctx context.Context, r *umadbv1.TrackingRequest) (*umadbv1.TrackingResponse, error) {
	if s.onTracking == nil {
		return s.UnimplementedDCBServer.GetTrackingInfo(ctx, r)
	}
	position, err := s.onTracking(ctx, r.Source)
	return &umadbv1.TrackingResponse{Position: position}, err
}

// start serves on an address until the test ends. Port 0 selects a free port; a server that
// starts again needs a reserved address.
func (s *scripted) start(t *testing.T, address string, options ...grpc.ServerOption) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + listener.Addr().String()
	s.health = health.NewServer()
	s.grpc = grpc.NewServer(append(options, grpc.MaxSendMsgSize(1<<30))...)
	umadbv1.RegisterDCBServer(s.grpc, s)
	grpc_health_v1.RegisterHealthServer(s.grpc, s.health)
	go s.grpc.Serve(listener)
	t.Cleanup(s.grpc.Stop)
}

// connect starts the server and connects to it.
func (s *scripted) connect(t *testing.T) *client.Client {
	t.Helper()
	s.start(t, servertest.Address(t))
	return dial(t, s.url, nil)
}

func dial(t *testing.T, url string, options *client.Options) *client.Client {
	t.Helper()
	c, err := client.Dial(url, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// within returns a context with a timeout.
func within(t *testing.T, timeout time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	t.Cleanup(cancel)
	return ctx
}

// failing fails the first calls with an error.
type failing struct {
	times int
	err   error
	calls int
}

func (f *failing) next() error {
	if f.calls++; f.calls <= f.times {
		return f.err
	}
	return nil
}

var errUnavailable = status.Error(codes.Unavailable, "temporarily unavailable")

// bareError sets the trailer that existing servers send with an error.
func bareError(ctx context.Context, code codes.Code, response *umadbv1.ErrorResponse) error {
	details, err := proto.Marshal(response)
	if err != nil {
		return err
	}
	grpc.SetTrailer(ctx, metadata.Pairs("grpc-status-details-bin", string(details)))
	return status.Error(code, response.Message)
}

// recordedAt returns when a test server has recorded the event at a position.
func recordedAt(position uint64) time.Time {
	return time.Unix(1_700_000_000+int64(position), 123).UTC()
}

// times returns when count events starting at position from were recorded.
func times(from, count uint64) []int64 {
	var all []int64
	for i := range count {
		all = append(all, recordedAt(from+i).UnixNano())
	}
	return all
}

// sequenced returns count stored events starting at position from.
func sequenced(from, count uint64) []*umadbv1.SequencedEvent {
	var events []*umadbv1.SequencedEvent
	for i := range count {
		events = append(events, &umadbv1.SequencedEvent{Position: from + i, Event: &umadbv1.Event{EventType: "happened"}})
	}
	return events
}
