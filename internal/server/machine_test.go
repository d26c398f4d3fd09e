package server_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/server"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

var hostileFor = flag.Duration("hostile", 3*time.Second, "how long the clients of TestServerReleasesWhatHostileClientsUse are active")

// hostileClient makes calls that it sends slowly, does not read, resets and abandons.
type hostileClient struct {
	*frameClient
	test    *testing.T
	r       *running
	chance  *rand.Rand
	name    string
	open    []*hostileCall
	made    int
	ids     map[string]int // appends, by what they append: 0 if the result is unknown, else 1 + the code
	pending map[string]*hostileCall
	sent    int // bytes of requests
}

type hostileCall struct {
	id     uint32
	rest   []byte // of the body
	sent   int
	append string
	reset  bool
}

// connect connects again and reports whether the server accepts the connection.
func (c *hostileClient) connect() bool {
	c.settle()
	conn, err := net.Dial("tcp", c.r.address)
	if err != nil {
		return false
	}
	c.frameClient = newFrameClient(c.test, conn)
	c.ignoresErrors = true
	c.begin([]uint32{0, 10, 1000, 64 << 10, 1 << 20}[c.chance.IntN(5)])
	c.sent, c.open = 0, nil
	return true
}

// settle records the results of the appends of the connection.
func (c *hostileClient) settle() {
	if c.frameClient == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, call := range c.pending {
		if code, known := c.ended[call.id]; known && !call.reset {
			c.ids[call.append] = 1 + int(code)
		} else {
			c.ids[call.append] = 0
		}
	}
	c.pending = map[string]*hostileCall{}
}

func (c *hostileClient) start() {
	call := &hostileCall{}
	var method string
	var message proto.Message
	query := &umadbv1.Query{Items: []*umadbv1.QueryItem{{Types: []string{"Large"}}}}
	for range c.chance.IntN(2) * c.chance.IntN(200) {
		query.Items = append(query.Items, &umadbv1.QueryItem{Tags: []string{"none", "nowhere"}})
	}
	switch c.chance.IntN(8) {
	case 0, 1:
		method, message = umadbv1.DCB_Read_FullMethodName, &umadbv1.ReadRequest{Query: query}
	case 2:
		method, message = umadbv1.DCB_Subscribe_FullMethodName, &umadbv1.SubscribeRequest{Query: query}
	case 3:
		method, message = umadbv1.DCB_Head_FullMethodName, &umadbv1.HeadRequest{}
	case 4:
		method, message = watchMethod, &umadbv1.HeadRequest{}
	case 5:
		method, message = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", &umadbv1.HeadRequest{}
	default:
		c.made++
		call.append = fmt.Sprint(c.name, "-", c.made)
		size := []int{10, 3000, 50_000, 300_000, 2_000_000}[c.chance.IntN(5)]
		request := &umadbv1.AppendRequest{Events: []*umadbv1.Event{{EventType: call.append, Data: make([]byte, size)}}}
		if c.chance.IntN(4) == 0 {
			request.Condition = &umadbv1.AppendCondition{FailIfEventsMatch: query} // which matches
		}
		method, message = umadbv1.DCB_Append_FullMethodName, request
		c.pending[call.append] = call
	}
	encoded, _ := proto.Marshal(message)
	call.rest = framed(encoded)
	var headers []string
	if c.chance.IntN(4) == 0 {
		headers = []string{"grpc-timeout", []string{"1n", "500u", "3m", "1S"}[c.chance.IntN(4)]}
	}
	call.id = c.call(method, nil, false, headers...)
	c.open = append(c.open, call)
	if c.chance.IntN(4) > 0 {
		c.send(call)
	}
}

// send sends as much of the body of a call as the windows of the server allow.
func (c *hostileClient) send(call *hostileCall) {
	c.mu.Lock()
	allowed := min(64<<10-1+c.credit[call.id]-call.sent, 64<<10-1+c.credit[0]-c.sent)
	c.mu.Unlock()
	if c.chance.IntN(3) == 0 {
		allowed = min(allowed, c.chance.IntN(20_000))
	}
	for n := min(16<<10, len(call.rest), allowed); n > 0; n = min(16<<10, len(call.rest), allowed) {
		end := n == len(call.rest) && c.chance.IntN(20) > 0
		c.must(c.framer.WriteData(call.id, end, call.rest[:n]))
		call.rest, call.sent, c.sent, allowed = call.rest[n:], call.sent+n, c.sent+n, allowed-n
	}
}

func (c *hostileClient) reset(call *hostileCall) {
	call.reset = true
	c.must(c.framer.WriteRSTStream(call.id, http2.ErrCodeCancel))
}

// step does something, and reports whether the server still accepts connections.
func (c *hostileClient) step() bool {
	if c.isClosed() || c.chance.IntN(300) == 0 {
		c.conn.Close()
		if !c.connect() {
			return false
		}
	}
	if len(c.open) == 0 || c.chance.IntN(4) == 0 {
		c.start()
		return true
	}
	at := c.chance.IntN(len(c.open))
	call := c.open[at]
	switch c.chance.IntN(8) {
	case 0:
		c.must(c.framer.WriteWindowUpdate(call.id, 1+uint32(c.chance.IntN(100_000))))
	case 1:
		c.must(c.framer.WriteWindowUpdate(0, 1+uint32(c.chance.IntN(300_000))))
	case 2:
		if c.chance.IntN(3) == 0 {
			c.reset(call)
			c.open = append(c.open[:at], c.open[at+1:]...)
		}
	case 3:
		time.Sleep(time.Duration(c.chance.IntN(5)) * time.Millisecond)
	default:
		c.send(call)
	}
	return true
}

// machineStore is a store whose Submit does everything that it may do.
type machineStore struct{ *memoryStore }

func (s machineStore) Submit(request *record.AppendRequest, deadline time.Time, done func(uint64, error)) (cancel func(), ok bool) {
	decide := func() {
		if !deadline.IsZero() && time.Now().After(deadline) {
			done(0, context.DeadlineExceeded)
			return
		}
		done(s.Commit(context.Background(), request, nil))
	}
	switch rand.IntN(4) {
	case 0:
		return nil, false
	case 1:
		decide()
		return func() {}, true
	}
	var claimed atomic.Bool
	time.AfterFunc(time.Duration(rand.IntN(3000))*time.Microsecond, func() {
		if claimed.CompareAndSwap(false, true) {
			decide()
		}
	})
	return func() {
		if claimed.CompareAndSwap(false, true) {
			done(0, context.Canceled)
		}
	}, true
}

// startHostile starts a server with little memory and clients that use it for a time. The
// returned function waits for them.
func startHostile(t *testing.T, lasting time.Duration) (*running, *memoryStore, []*hostileClient, func()) {
	store := newMemoryStore()
	r := start(t, machineStore{store}, server.Options{
		ResponseMemory: 1 << 20, RequestMemory: 4 << 20, QueryMemory: 1 << 20, CallMemory: 400 * server.CallBytes,
		ReceiveTimeout: 300 * time.Millisecond, SendTimeout: 400 * time.Millisecond,
	})
	large := r.client(t)
	for i := range 12 {
		event := &umadbv1.Event{EventType: "Large", Data: make([]byte, i%2*i*8000)}
		if _, err := large.Append(within(t, patience), &umadbv1.AppendRequest{Events: []*umadbv1.Event{event}}); err != nil {
			t.Fatal(err)
		}
	}
	clients := make([]*hostileClient, 12)
	var active sync.WaitGroup
	for i := range clients {
		c := &hostileClient{test: t, r: r, chance: rand.New(rand.NewPCG(rand.Uint64(), 0)), name: fmt.Sprint("client", i), ids: map[string]int{}, pending: map[string]*hostileCall{}}
		clients[i] = c
		c.connect()
		active.Go(func() {
			for end := time.Now().Add(lasting); time.Now().Before(end) && c.step(); {
			}
		})
	}
	return r, store, clients, active.Wait
}

// Whatever clients do, the server releases everything that it reserved for them while their
// connections stay open, and no append for which it returned an error takes effect.
func TestServerReleasesWhatHostileClientsUse(t *testing.T) {
	r, store, clients, wait := startHostile(t, *hostileFor)
	wait()
	time.Sleep(50 * time.Millisecond)
	for _, c := range clients {
		c.settle()
		for _, call := range c.open {
			c.reset(call)
		}
	}
	defer func() {
		if t.Failed() {
			t.Log("still in use: ", r.InUse())
		}
	}()
	eventually(t, "everything is released while the connections are open", func() bool { return r.InUse() == "" })
	checkAppends(t, store, clients)
	if err := readWhole(within(t, patience), r.client(t)); err != nil {
		t.Errorf("a read afterwards: %v", err)
	}
}

func TestShutdownEndsHostileClients(t *testing.T) {
	r, store, clients, wait := startHostile(t, *hostileFor)
	time.Sleep(*hostileFor / 6)
	if err := r.Shutdown(within(t, patience)); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	wait()
	eventually(t, "everything is released", func() bool { return r.InUse() == "" })
	time.Sleep(50 * time.Millisecond)
	for _, c := range clients {
		c.settle()
	}
	checkAppends(t, store, clients)
}

// checkAppends compares the results with the events of the store.
func checkAppends(t *testing.T, store *memoryStore, clients []*hostileClient) {
	t.Helper()
	stored := map[string]int{}
	for _, event := range store.events {
		if stored[event.Type]++; stored[event.Type] > 1 && event.Type != "Large" {
			t.Errorf("append %s took effect %d times", event.Type, stored[event.Type])
		}
	}
	codesOf := map[codes.Code]int{}
	for _, c := range clients {
		for id, result := range c.ids {
			if result == 0 {
				continue
			}
			code := codes.Code(result - 1)
			codesOf[code]++
			want := 0
			if code == codes.OK {
				want = 1
			}
			isUnknown := code == codes.Canceled || code == codes.DeadlineExceeded
			if stored[id] != want && !isUnknown {
				t.Errorf("append %s ended with %v, and its event is stored %d times", id, code, stored[id])
			}
		}
	}
	t.Logf("results of appends: %v", codesOf)
}
