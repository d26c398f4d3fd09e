package server_test

import (
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/wire"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

const (
	checkMethod = "/grpc.health.v1.Health/Check"
	watchMethod = "/grpc.health.v1.Health/Watch"
)

var bearer = []string{"authorization", "Bearer " + apiKey}

func TestAnonymousCallsAreBounded(t *testing.T) {
	r := start(t, newMemoryStore(), server.Options{APIKey: apiKey})
	anonymous := r.frames(t, 64<<10)
	for range 2 * server.AnonymousCalls {
		anonymous.call(checkMethod, nil, false) // the request never arrives
	}
	eventually(t, "some calls are refused", func() bool {
		return anonymous.count(codes.ResourceExhausted) >= server.AnonymousCalls
	})
	if n := anonymous.count(codes.ResourceExhausted); n > server.AnonymousCalls+server.AnonymousCalls/2 {
		t.Errorf("%d calls are refused of %d", n, 2*server.AnonymousCalls)
	}
	other := r.frames(t, 64<<10)
	other.call(checkMethod, framed(nil), true)
	other.call(umadbv1.DCB_Head_FullMethodName, framed(nil), true, bearer...)
	eventually(t, "the calls of others succeed", func() bool { return other.count(codes.OK) == 2 })
}

func TestConnectionsWithManyCallsLeaveMemoryForOthers(t *testing.T) {
	r := start(t, newMemoryStore(), server.Options{CallMemory: 256 * server.CallBytes})
	const hogs = 8
	for range hogs {
		hog := r.frames(t, 64<<10)
		for range 256 {
			hog.call(umadbv1.DCB_Append_FullMethodName, nil, false)
		}
		eventually(t, "some calls are refused", func() bool { return hog.count(codes.ResourceExhausted) > 0 })
	}
	other := r.frames(t, 64<<10)
	for range 4 {
		other.call(umadbv1.DCB_Subscribe_FullMethodName, framed(nil), true)
	}
	other.call(umadbv1.DCB_Head_FullMethodName, framed(nil), true)
	eventually(t, "a call of another connection succeeds", func() bool { return other.count(codes.OK) == 1 })
	if n := other.count(codes.ResourceExhausted); n > 0 {
		t.Errorf("%d calls of another connection are refused", n)
	}
}

func TestSubscriptionsLeaveMemoryForBriefCalls(t *testing.T) {
	r := start(t, newMemoryStore(), server.Options{CallMemory: 256 * server.CallBytes})
	const hogs = 50
	for range hogs {
		hog := r.frames(t, 64<<10)
		for range 16 {
			hog.call(umadbv1.DCB_Subscribe_FullMethodName, framed(nil), true)
		}
		hog.call("/unknown", nil, true)
		eventually(t, "the subscriptions are admitted or refused", func() bool { return hog.count(codes.Unimplemented) == 1 })
	}
	other := r.frames(t, 64<<10)
	for range 8 {
		other.call(umadbv1.DCB_Append_FullMethodName, nil, false)
	}
	other.call(umadbv1.DCB_Head_FullMethodName, framed(nil), true)
	eventually(t, "a call after the appends succeeds", func() bool { return other.count(codes.OK) == 1 })
	if n := other.count(codes.ResourceExhausted); n > 0 {
		t.Errorf("%d brief calls are refused", n)
	}
}

// The released client does this, since it has no limit of its own.
func TestManySubscriptionsOfOneConnection(t *testing.T) {
	r := start(t, newMemoryStore(), server.Options{})
	c := r.frames(t, 64<<10)
	for range 1100 {
		c.call(umadbv1.DCB_Subscribe_FullMethodName, framed(nil), true, "user-agent", "tonic/0.12.3")
	}
	c.call(umadbv1.DCB_Head_FullMethodName, framed(nil), true)
	eventually(t, "the call after the subscriptions succeeds", func() bool { return c.count(codes.OK) == 1 })
	if n := c.count(codes.ResourceExhausted); n > 0 {
		t.Errorf("%d subscriptions are refused", n)
	}
}

func TestHealthWatchesAreBounded(t *testing.T) {
	r := start(t, newMemoryStore(), server.Options{})
	c := r.frames(t, 64<<10)
	for range server.ConnectionWatches + 3 {
		c.call(watchMethod, framed(nil), true)
	}
	eventually(t, "three watches are refused", func() bool { return c.count(codes.ResourceExhausted) == 3 })
}

// A call is counted until the transport has dropped it, even after its handler has ended.
func TestUnreadResponsesStayCounted(t *testing.T) {
	r := start(t, newMemoryStore(), server.Options{APIKey: apiKey})
	for name, end := range map[string]func(c *frameClient, last uint32){
		"the window opens": func(c *frameClient, last uint32) {
			for id := uint32(1); id <= last; id += 2 {
				c.must(c.framer.WriteWindowUpdate(id, 1000))
			}
		},
		"the calls are reset": func(c *frameClient, last uint32) {
			for id := uint32(1); id <= last; id += 2 {
				c.must(c.framer.WriteRSTStream(id, 8))
			}
		},
		"the connection ends": func(c *frameClient, _ uint32) { c.conn.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			c := r.frames(t, 0)
			last := uint32(0)
			for range 2 * server.AnonymousCalls {
				last = c.call(checkMethod, framed(nil), true)
			}
			eventually(t, "calls are refused", func() bool {
				return c.count(codes.ResourceExhausted) > server.AnonymousCalls/2
			})
			if c.count(codes.OK) > 0 || r.CallsUsed() == 0 {
				t.Errorf("%d calls have ended, and %d bytes are counted", c.count(codes.OK), r.CallsUsed())
			}
			end(c, last)
			eventually(t, "no call is counted", func() bool { return r.CallsUsed() == 0 })
		})
	}
}

// gRPC itself refuses calls with an unknown compression.
func TestCallsWithoutHandlerAreReleased(t *testing.T) {
	r := start(t, newMemoryStore(), server.Options{})
	c := r.frames(t, 64<<10)
	for range 50 {
		c.call(umadbv1.DCB_Head_FullMethodName, framed(nil), true, "grpc-encoding", "unknown")
		c.call(umadbv1.DCB_Head_FullMethodName, framed(nil), true, "grpc-timeout", "1n")
	}
	eventually(t, "all have ended", func() bool {
		return c.count(codes.Unimplemented) == 50 && c.count(codes.DeadlineExceeded)+c.count(codes.Canceled) == 50
	})
	eventually(t, "no call is counted", func() bool { return r.CallsUsed() == 0 })
}

// Each frame has a header of nine bytes.
func TestRequestInOneByteFramesUsesNoMoreMemory(t *testing.T) {
	r := start(t, newMemoryStore(), server.Options{})
	c := r.frames(t, 64<<10)
	const calls, length = 50, 4000
	body := framed(make([]byte, length))
	before := heap()
	for range calls {
		id := c.call(umadbv1.DCB_Append_FullMethodName, body[:5], false)
		for _, b := range body[5 : 5+length-1] {
			c.must(c.framer.WriteData(id, false, []byte{b}))
		}
	}
	c.call(umadbv1.DCB_Head_FullMethodName, framed(nil), true)
	eventually(t, "all frames have arrived", func() bool { return c.count(codes.OK) == 1 })
	if used := heap() - before; used > 4*calls*length { // with each header it would be ten times
		t.Errorf("%d requests of %d bytes use %d bytes", calls, length, used)
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // pools keep their contents for one
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestReadersThatDoNotReadAreClosed(t *testing.T) {
	r, good := startLarge(t, server.Options{ResponseMemory: 8 << 20})
	r.useAllMemory(t)
	for range 3 {
		if err := readWhole(within(t, patience), good); err != nil {
			t.Errorf("a read: %v", err)
		}
	}
}

// useAllMemory makes calls that do not read their responses, until the memory for large
// messages is in use. Each connection has one message, for which the server does not close
// it at once.
func (r *running) useAllMemory(t *testing.T) {
	t.Helper()
	read, err := proto.Marshal(&umadbv1.ReadRequest{BatchSize: new(uint32(1))})
	if err != nil {
		t.Fatal(err)
	}
	for range 40 {
		r.frames(t, 0).call(umadbv1.DCB_Read_FullMethodName, framed(read), true)
	}
	eventually(t, "the memory is in use", func() bool { return r.ResponsesUsed() > 8<<20-wire.LargeSlab })
}

// Clients that do not read do not delay small messages of other connections, not even
// until the server closes their connections.
func TestSmallMessagesDoNotWaitForReadersThatDoNotRead(t *testing.T) {
	r, good := startLarge(t, server.Options{ResponseMemory: 8 << 20, SendTimeout: time.Nanosecond})
	if _, err := good.Append(within(t, patience), &umadbv1.AppendRequest{Events: []*umadbv1.Event{{EventType: "Small"}}}); err != nil {
		t.Fatal(err)
	}
	small := &umadbv1.Query{Items: []*umadbv1.QueryItem{{Types: []string{"Small"}}}}
	r.useAllMemory(t)
	for range 20 {
		stream, err := good.Read(within(t, patience), &umadbv1.ReadRequest{Query: small})
		for err == nil {
			_, err = stream.Recv()
		}
		if !errors.Is(err, io.EOF) {
			t.Fatalf("a read of small events: %v", err)
		}
	}
}

func TestCallsThatDoNotReadAreClosed(t *testing.T) {
	r, _ := startLarge(t, server.Options{CallMemory: 256 * server.CallBytes, ResponseMemory: 1 << 30})
	hogs := make([]*frameClient, 50)
	for i := range hogs {
		hogs[i] = r.frames(t, 0)
		for range 8 {
			hogs[i].call(umadbv1.DCB_Read_FullMethodName, framed(nil), true)
		}
	}
	eventually(t, "a connection that does not read is closed", func() bool {
		return slices.ContainsFunc(hogs, (*frameClient).isClosed)
	})
}

// The same holds for calls with a single answer.
func TestCallsWithoutWindowAreClosed(t *testing.T) {
	for _, method := range []string{umadbv1.DCB_Head_FullMethodName, umadbv1.DCB_GetTrackingInfo_FullMethodName} {
		t.Run(method, func(t *testing.T) {
			r := start(t, newMemoryStore(), server.Options{CallMemory: 256 * server.CallBytes})
			hogs := make([]*frameClient, 60)
			for i := range hogs {
				hogs[i] = r.frames(t, 0)
				for range 8 {
					hogs[i].call(method, framed(nil), true)
				}
			}
			eventually(t, "a connection that does not read is closed", func() bool {
				return slices.ContainsFunc(hogs, (*frameClient).isClosed)
			})
		})
	}
}

// The query of a subscription does not use the memory for requests.
func TestSubscriptionQueriesDoNotUseRequestMemory(t *testing.T) {
	store := newMemoryStore()
	store.limits.RequestBytes = 1 << 20
	r := start(t, store, server.Options{RequestMemory: 1, QueryMemory: 1}) // raised to the minimum
	ctx := within(t, patience)
	tag := strings.Repeat("x", 1<<20-100)
	query := &umadbv1.Query{Items: []*umadbv1.QueryItem{{Tags: []string{tag}}}}
	refused := 0
	for refused == 0 {
		subscription, err := r.client(t).Subscribe(ctx, &umadbv1.SubscribeRequest{Query: query})
		if err != nil {
			t.Fatal(err)
		}
		if header, err := subscription.Header(); err == nil && header != nil {
			continue // it has started
		}
		if _, err := subscription.Recv(); status.Code(err) != codes.ResourceExhausted {
			t.Fatalf("a subscription ends with %v", err)
		}
		refused++
	}
	client := r.client(t)
	for _, size := range []int{100, 100 << 10, 900 << 10} {
		request := &umadbv1.AppendRequest{Events: []*umadbv1.Event{{Data: make([]byte, size)}}, Condition: anyTag("a")}
		if _, err := client.Append(ctx, request); err != nil {
			t.Errorf("an append of %d bytes: %v", size, err)
		}
	}
	if _, err := client.Subscribe(ctx, &umadbv1.SubscribeRequest{}); err != nil {
		t.Errorf("a small subscription: %v", err)
	}
}

func anyTag(tag string) *umadbv1.AppendCondition {
	return &umadbv1.AppendCondition{FailIfEventsMatch: &umadbv1.Query{Items: []*umadbv1.QueryItem{{Tags: []string{tag}}}}}
}

func TestStalledLargeRequestIsEndedForOthers(t *testing.T) {
	store := newMemoryStore()
	store.limits.RequestBytes = 4 << 20
	r := start(t, store, server.Options{RequestMemory: 1}) // one large request
	slow := r.raw(t)
	answered := make(chan rawResponse, 1)
	body := framed(make([]byte, 4<<20))
	go func() { answered <- slow.post(t, umadbv1.DCB_Append_FullMethodName, stalled(t, body[:3<<20])) }()
	eventually(t, "memory for the whole request is reserved", func() bool { return r.RequestsUsed() >= 4<<20 })
	large := &umadbv1.AppendRequest{Events: []*umadbv1.Event{{Data: make([]byte, 3<<20)}}}
	if _, err := r.client(t).Append(within(t, patience), large); err != nil {
		t.Errorf("a large append: %v", err)
	}
	if answer := <-answered; answer.code != codes.ResourceExhausted {
		t.Errorf("the stalled request ends with %v: %q", answer.code, answer.message)
	}
}

func TestLongMethodNameIsShortened(t *testing.T) {
	r := start(t, newMemoryStore(), server.Options{})
	answer := r.raw(t).post(t, "/"+strings.Repeat("x", 7000), request(t, &umadbv1.HeadRequest{}))
	if answer.code != codes.Unimplemented || len(answer.message) > 300 {
		t.Errorf("the status is %v, %d bytes: %.100q", answer.code, len(answer.message), answer.message)
	}
}
