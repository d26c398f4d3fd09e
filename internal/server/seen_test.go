package server_test

import (
	"context"
	"errors"
	"io"
	"math"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/wire"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// seeing returns a context for calls of a client that has seen a position.
func seeing(t *testing.T, position string) context.Context {
	t.Helper()
	return metadata.AppendToOutgoingContext(within(t, patience), wire.MinPosition, position)
}

// wantPosition fails unless a trailer has exactly these values of wire.Position.
func wantPosition(t *testing.T, trailer metadata.MD, want ...string) {
	t.Helper()
	got := trailer.Get(wire.Position)
	if len(got) != len(want) || len(want) > 0 && got[0] != want[0] {
		t.Errorf("the trailer has the positions %q, want %q", got, want)
	}
}

// awaited returns the position for which a call waits.
func awaited(t *testing.T, store *memoryStore) uint64 {
	t.Helper()
	select {
	case position := <-store.waiting:
		return position
	case <-within(t, patience).Done():
		t.Fatal("no call waits for a position")
		return 0
	}
}

func mustAppend(t *testing.T, client umadbv1.DCBClient) {
	t.Helper()
	if _, err := client.Append(within(t, patience), &umadbv1.AppendRequest{Events: []*umadbv1.Event{someEvent("a")}}); err != nil {
		t.Fatal(err)
	}
}

// reads are the calls that wait. Each returns the head that it found.
var reads = map[string]func(ctx context.Context, client umadbv1.DCBClient, trailer *metadata.MD) (uint64, error){
	"Head": func(ctx context.Context, client umadbv1.DCBClient, trailer *metadata.MD) (uint64, error) {
		response, err := client.Head(ctx, new(umadbv1.HeadRequest), grpc.Trailer(trailer))
		return response.GetPosition(), err
	},
	"PositionAt": func(ctx context.Context, client umadbv1.DCBClient, trailer *metadata.MD) (uint64, error) {
		response, err := client.PositionAt(ctx, &umadbv1.PositionAtRequest{RecordedAt: math.MaxInt64}, grpc.Trailer(trailer))
		return response.GetPosition(), err
	},
	"GetTrackingInfo": func(ctx context.Context, client umadbv1.DCBClient, trailer *metadata.MD) (uint64, error) {
		_, err := client.GetTrackingInfo(ctx, &umadbv1.TrackingRequest{Source: "s"}, grpc.Trailer(trailer))
		return 2, err
	},
	"Terms": func(ctx context.Context, client umadbv1.DCBClient, trailer *metadata.MD) (uint64, error) {
		_, err := listTerms(ctx, client, &umadbv1.TermsRequest{Kind: umadbv1.Term_TAG}, grpc.Trailer(trailer))
		return 2, err
	},
	"Count": func(ctx context.Context, client umadbv1.DCBClient, trailer *metadata.MD) (uint64, error) {
		_, err := client.Count(ctx, &umadbv1.CountRequest{Bounds: []uint64{0, 1}}, grpc.Trailer(trailer))
		return 2, err
	},
	"Read": func(ctx context.Context, client umadbv1.DCBClient, trailer *metadata.MD) (head uint64, err error) {
		stream, err := client.Read(ctx, new(umadbv1.ReadRequest))
		for err == nil {
			var response *umadbv1.ReadResponse
			if response, err = stream.Recv(); err == nil {
				head = response.GetHead()
			}
		}
		*trailer = stream.Trailer()
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return head, err
	},
}

func TestReadWaitsForWhatTheClientHasSeen(t *testing.T) {
	for name, read := range reads {
		t.Run(name, func(t *testing.T) {
			store := newMemoryStore()
			store.waiting = make(chan uint64)
			r := start(t, store, server.Options{})
			client := r.client(t)
			mustAppend(t, client)
			done := make(chan error, 1)
			var head uint64
			var trailer metadata.MD
			go func() {
				var err error
				head, err = read(seeing(t, "2"), client, &trailer)
				done <- err
			}()
			if position := awaited(t, store); position != 2 {
				t.Errorf("the call waits for %d", position)
			}
			mustAppend(t, client)
			if err := <-done; err != nil || head != 2 {
				t.Errorf("the head is %d, %v", head, err)
			}
			wantPosition(t, trailer, "2")
		})
	}
}

func TestReadOfWhatTheClientHasSeenDoesNotWait(t *testing.T) {
	for name, read := range reads {
		t.Run(name, func(t *testing.T) {
			store := newMemoryStore()
			client := start(t, store, server.Options{}).client(t)
			mustAppend(t, client)
			for position, want := range map[string][]string{"": nil, "0": {"1"}, "1": {"1"}} {
				ctx := seeing(t, position)
				if position == "" {
					ctx = within(t, patience)
				}
				var trailer metadata.MD
				if _, err := read(ctx, client, &trailer); err != nil {
					t.Fatal(err)
				}
				wantPosition(t, trailer, want...)
			}
		})
	}
}

// An append is evaluated by the server that decides it, so it need not wait, and its answer has
// the trailer whether it succeeds or not.
func TestAppendHasThePositionOfTheServer(t *testing.T) {
	store := newMemoryStore()
	client := start(t, store, server.Options{}).client(t)
	for want, appended := range []*umadbv1.AppendRequest{
		{},
		{Events: []*umadbv1.Event{someEvent("a")}, Condition: anyEvent()},
		{Events: []*umadbv1.Event{someEvent("a")}, Condition: anyEvent()},
	} {
		var trailer metadata.MD
		_, err := client.Append(seeing(t, "1000"), appended, grpc.Trailer(&trailer))
		if refused := want == 2; refused != (status.Code(err) == codes.FailedPrecondition) {
			t.Errorf("append %d: %v", want, err)
		}
		wantPosition(t, trailer, wire.FormatPosition(min(uint64(want), 1)))
	}
}

func TestSubscriptionDoesNotWaitForWhatTheClientHasSeen(t *testing.T) {
	r := start(t, newMemoryStore(), server.Options{})
	client := r.client(t)
	mustAppend(t, client)
	stream, err := client.Subscribe(seeing(t, "1000"), new(umadbv1.SubscribeRequest))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	if err := r.Shutdown(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	wantPosition(t, stream.Trailer(), "1")
}

func TestMalformedMinPositionIsRefused(t *testing.T) {
	client := start(t, newMemoryStore(), server.Options{}).client(t)
	for name, read := range reads {
		var trailer metadata.MD
		_, err := read(seeing(t, "-1"), client, &trailer)
		if st := status.Convert(err); st.Code() != codes.InvalidArgument || st.Message() != `invalid argument: the metadata umadb-min-position is "-1": it must be a position, in decimal digits` {
			t.Errorf("%s: %v", name, err)
		}
		wantPosition(t, trailer)
	}
	_, err := client.Append(seeing(t, "x"), &umadbv1.AppendRequest{Events: []*umadbv1.Event{someEvent("a")}})
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("Append: %v", err)
	}
	if head, err := client.Head(within(t, patience), new(umadbv1.HeadRequest)); err != nil || head.Position != nil {
		t.Errorf("a refused append has an effect: %v, %v", head, err)
	}
}

// Several values are the positions of several earlier answers.
func TestGreatestMinPositionCounts(t *testing.T) {
	store := newMemoryStore()
	store.waiting = make(chan uint64)
	client := start(t, store, server.Options{}).client(t)
	ctx, cancel := context.WithCancel(metadata.AppendToOutgoingContext(seeing(t, "3"), wire.MinPosition, "9", wire.MinPosition, "5"))
	done := make(chan error, 1)
	go func() {
		_, err := client.Head(ctx, new(umadbv1.HeadRequest))
		done <- err
	}()
	if position := awaited(t, store); position != 9 {
		t.Errorf("the call waits for %d", position)
	}
	cancel()
	<-done
}

// Who may not call the server does not learn its position.
func TestPositionIsForPermittedCallsOnly(t *testing.T) {
	r := start(t, newMemoryStore(), server.Options{APIKey: "secret"})
	var trailer metadata.MD
	if _, err := r.client(t).Head(seeing(t, "0"), new(umadbv1.HeadRequest), grpc.Trailer(&trailer)); status.Code(err) != codes.Unauthenticated {
		t.Errorf("without a key: %v", err)
	}
	wantPosition(t, trailer)
	if _, err := healthv1.NewHealthClient(r.dial(t)).Check(seeing(t, "0"), new(healthv1.HealthCheckRequest), grpc.Trailer(&trailer)); err != nil {
		t.Error(err)
	}
	wantPosition(t, trailer)
}

func TestShutdownEndsWaitForWhatTheClientHasSeen(t *testing.T) {
	store := newMemoryStore()
	store.waiting = make(chan uint64)
	r := start(t, store, server.Options{})
	done := make(chan error, 1)
	client := r.client(t)
	go func() {
		_, err := client.Head(seeing(t, "1"), new(umadbv1.HeadRequest))
		done <- err
	}()
	awaited(t, store)
	if err := r.Shutdown(within(t, patience)); err != nil {
		t.Error(err)
	}
	if st := status.Convert(<-done); st.Code() != codes.Unavailable || st.Message() != wire.Stopping {
		t.Errorf("the call fails with %v", st)
	}
}

// lackingStore never gets the events for which a call waits.
type lackingStore struct{ *memoryStore }

func (lackingStore) WaitFor(context.Context, uint64) error {
	return &dcb.Error{Kind: dcb.ErrTransport, Detail: "the call requires position 7"}
}

func TestServerWithoutWhatTheClientHasSeenIsUnavailable(t *testing.T) {
	client := start(t, lackingStore{newMemoryStore()}, server.Options{}).client(t)
	for name, read := range reads {
		var trailer metadata.MD
		if _, err := read(seeing(t, "7"), client, &trailer); status.Code(err) != codes.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
		wantPosition(t, trailer, "0")
	}
}

// waitingStore is a store whose Head waits for a shared log.
type waitingStore struct{ *memoryStore }

// Head waits until its caller gives up.
func (waitingStore) Head(ctx context.Context) (uint64, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

// A fresh read that waits for the shared log does not delay other calls of its connection.
func TestHeadThatWaitsForTheSharedLogDelaysNoOther(t *testing.T) {
	r := start(t, waitingStore{newMemoryStore()}, server.Options{SharedLog: "00112233445566778899aabbccddeeff"})
	client := r.client(t)
	waiting, cancel := context.WithCancel(t.Context())
	defer cancel()
	heads := make(chan error)
	for range 3 { // a call that repeats the headers of another is not served by its handler
		go func() {
			_, err := client.Head(waiting, &umadbv1.HeadRequest{})
			heads <- err
		}()
	}
	if _, err := client.Append(within(t, patience), &umadbv1.AppendRequest{Events: []*umadbv1.Event{someEvent()}}); err != nil {
		t.Errorf("an append beside heads that wait: %v", err)
	}
	cancel()
	for range 3 {
		if err := <-heads; status.Code(err) != codes.Canceled {
			t.Errorf("head: %v", err)
		}
	}
}
