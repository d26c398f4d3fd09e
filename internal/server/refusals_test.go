package server_test

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/server"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// mustCount checks how often the server has refused something of a kind.
func mustCount(t *testing.T, r *running, kind string, want uint64) {
	t.Helper()
	if n := refusal(r.Metrics(), kind); n != want {
		t.Errorf("%d refusals of the kind %s are counted, want %d", n, kind, want)
	}
}

// hint returns the time in milliseconds after which a refused call may be sent again; 0 if the
// answer has none.
func hint(t *testing.T, answer rawResponse) int {
	t.Helper()
	text := answer.trailer.Get("Grpc-Retry-Pushback-Ms")
	if text == "" {
		return 0
	}
	wait, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return wait
}

func TestRefusedStreamsAreCounted(t *testing.T) {
	r := start(t, newMemoryStore(), server.Options{MaxStreams: 2})
	c := r.frames(t, 0)
	for range 5 {
		c.call(umadbv1.DCB_Append_FullMethodName, nil, false)
	}
	eventually(t, "three calls are refused", func() bool { return c.count(codes.Canceled) == 3 })
	mustCount(t, r, "streams", 3)
}

func TestTooLargeRequestsAreCounted(t *testing.T) {
	store := newMemoryStore()
	store.limits.RequestBytes = 10_000
	r := start(t, store, server.Options{})
	c := r.raw(t)
	for i, request := range []struct {
		method string
		bytes  int
		want   codes.Code
	}{
		{umadbv1.DCB_Append_FullMethodName, 10_001, codes.InvalidArgument}, // received
		{umadbv1.DCB_Append_FullMethodName, 100_000, codes.ResourceExhausted},
		{umadbv1.DCB_Head_FullMethodName, 10_000, codes.ResourceExhausted},
	} {
		answer := c.post(t, request.method, bytes.NewReader(framed(make([]byte, request.bytes))))
		if answer.code != request.want || !strings.Contains(answer.message, "over the limit of ") || hint(t, answer) != 0 {
			t.Errorf("%d bytes: %v: %s, and the trailer is %v", request.bytes, answer.code, answer.message, answer.trailer)
		}
		mustCount(t, r, "request_size", uint64(i)+1)
	}
}

func TestAppendsWithoutDiskSpaceAreCounted(t *testing.T) {
	store := newMemoryStore()
	store.onCommit = func(context.Context) error {
		return &dcb.Error{Kind: dcb.ErrIO, Detail: "full", Cause: record.ErrNoSpace}
	}
	r := start(t, store, server.Options{})
	c := r.raw(t)
	for _, size := range []int{1, 8 << 10} { // with and without a goroutine
		events := []*umadbv1.Event{{EventType: "happened", Data: make([]byte, size)}}
		if answer := c.post(t, umadbv1.DCB_Append_FullMethodName, request(t, &umadbv1.AppendRequest{Events: events})); answer.code != codes.Internal {
			t.Errorf("%d bytes: %v: %s", size, answer.code, answer.message)
		}
	}
	mustCount(t, r, "disk_space", 2)

	store.onCommit = func(context.Context) error { return &dcb.Error{Kind: dcb.ErrIO, Cause: errors.New("broken")} }
	c.post(t, umadbv1.DCB_Append_FullMethodName, request(t, &umadbv1.AppendRequest{Events: []*umadbv1.Event{someEvent()}}))
	mustCount(t, r, "disk_space", 2)
}

// The time after which a call may be sent again differs, so that clients do not return at once.
func TestRefusalForMemoryHasAHint(t *testing.T) {
	store := newMemoryStore()
	entered, release := make(chan struct{}, 1), make(chan struct{})
	store.onCommit = func(context.Context) error {
		entered <- struct{}{}
		<-release
		return nil
	}
	store.limits.RequestBytes = 1 << 20
	r := start(t, store, server.Options{RequestMemory: 1}) // raised to the minimum: one request
	large := &umadbv1.AppendRequest{Events: []*umadbv1.Event{{Data: make([]byte, 700<<10)}}}
	first := make(chan error, 1)
	go func() {
		_, err := r.client(t).Append(within(t, patience), large)
		first <- err
	}()
	<-entered
	hints := map[int]bool{}
	for range 3 {
		answer := r.raw(t).post(t, umadbv1.DCB_Append_FullMethodName, request(t, large))
		if wait := hint(t, answer); answer.code != codes.ResourceExhausted || wait < 500 || wait > 1500 {
			t.Errorf("%v: the trailer is %v", answer.code, answer.trailer)
		}
		hints[hint(t, answer)] = true
	}
	if len(hints) == 1 {
		t.Error("all hints are the same")
	}
	mustCount(t, r, "memory", 3)
	close(release)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

func TestRefusalForCallsHasAHint(t *testing.T) {
	r := start(t, newMemoryStore(), server.Options{CallMemory: 64 * server.CallBytes})
	c := r.frames(t, 0)
	for range 100 {
		c.call(umadbv1.DCB_Append_FullMethodName, nil, false)
	}
	eventually(t, "a call is refused", func() bool { return c.count(codes.ResourceExhausted) > 0 })
	c.mu.Lock()
	defer c.mu.Unlock()
	if refused := refusal(r.Metrics(), "calls"); uint64(c.hints) != uint64(len(c.ended)) || uint64(c.hints) > refused {
		t.Errorf("%d of %d calls have a hint, and %d are counted", c.hints, len(c.ended), refused)
	}
}

func TestRefusalForWatchesHasAHint(t *testing.T) {
	r := start(t, newMemoryStore(), server.Options{})
	c := r.frames(t, 1<<16)
	for range 9 {
		c.call(grpc_health_v1.Health_Watch_FullMethodName, framed(nil), true)
	}
	eventually(t, "the last watch is refused", func() bool { return c.count(codes.ResourceExhausted) == 1 })
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hints != 1 {
		t.Errorf("%d calls have a hint, want 1", c.hints)
	}
	mustCount(t, r, "health_watches", 1)
}
