package transport_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/internal/transport"
)

// rawCodec is a codec of messages that are bytes.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

var withInsecure = grpc.WithTransportCredentials(insecure.NewCredentials())

// client returns a client of grpc-go.
func (r *running) client(t *testing.T, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	options = append([]grpc.DialOption{withInsecure}, options...)
	options = append(options, grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{})))
	c, err := grpc.NewClient(r.address, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// within returns a context that bounds a test.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func invoke(ctx context.Context, c *grpc.ClientConn, method string, request []byte, options ...grpc.CallOption) (answer []byte, err error) {
	err = c.Invoke(ctx, method, &request, &answer, options...)
	return answer, err
}

// stream opens a call with many messages in both directions.
func stream(t *testing.T, ctx context.Context, c *grpc.ClientConn, method string) grpc.ClientStream {
	t.Helper()
	s, err := c.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var unaryEchoes = []string{inlineEcho, laterEcho, declined, unaryEcho}

func TestClientUnary(t *testing.T) {
	r := start(t)
	c := r.client(t)
	for _, method := range unaryEchoes {
		for _, size := range []int{0, 1, 1000, 4 << 10, 4<<10 + 1, 64 << 10, 1 << 20} {
			got, err := invoke(within(t), c, method, content(size))
			if err != nil || !bytes.Equal(got, content(size)) {
				t.Errorf("%s with %d bytes: %d bytes, %v", method, size, len(got), err)
			}
		}
	}
	if got, err := invoke(within(t), c, inlineGrow, []byte("1048576")); err != nil || !bytes.Equal(got, content(1<<20)) {
		t.Errorf("large inline answer: %d bytes, %v", len(got), err)
	}
}

func TestClientManyCallsOfOneConnection(t *testing.T) {
	r := start(t, func(o *transport.Options) { o.MaxStreams = 100 })
	c := r.client(t)
	ctx := within(t)
	var callers sync.WaitGroup
	for caller := range 50 {
		callers.Go(func() {
			for i := range 40 {
				method := unaryEchoes[(caller+i)%len(unaryEchoes)]
				request := fmt.Appendf(nil, "%d %d %s", caller, i, content(caller*i))
				got, err := invoke(ctx, c, method, request)
				if err != nil || !bytes.Equal(got, request) {
					t.Errorf("%s: %.20q, %v", method, got, err)
					return
				}
			}
		})
	}
	callers.Wait()
	if usage := r.server.Usage(); usage.Conns != 1 {
		t.Errorf("in use: %+v", usage)
	}
}

// More calls than the server allows wait in the client, and none is refused.
func TestClientKeepsToMaxStreams(t *testing.T) {
	r := start(t, func(o *transport.Options) { o.MaxStreams = 4 })
	c := r.client(t)
	ctx := within(t)
	if _, err := invoke(ctx, c, inlineEcho, nil); err != nil {
		t.Fatal(err)
	}
	var callers sync.WaitGroup
	for range 30 {
		callers.Go(func() {
			for range 20 {
				if _, err := invoke(ctx, c, unaryEcho, content(5000)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	callers.Wait()
}

func TestClientMetadata(t *testing.T) {
	r := start(t)
	c := r.client(t)
	sent := metadata.Pairs("send", "one", "send", "two words", "send-bin", "\x00\x01\xfe\xff", "send-bin", "")
	for range 3 {
		var header, trailer metadata.MD
		_, err := invoke(metadata.NewOutgoingContext(within(t), sent), c, unaryEcho, nil, grpc.Header(&header), grpc.Trailer(&trailer))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(header["got"], sent["send"]) || !slices.Equal(header["got-bin"], sent["send-bin"]) {
			t.Errorf("headers %v", header)
		}
		if !slices.Equal(trailer["done"], sent["send"]) || !slices.Equal(trailer["done-bin"], sent["send-bin"]) {
			t.Errorf("trailers %v", trailer)
		}
	}
}

func TestClientStatus(t *testing.T) {
	r := start(t)
	c := r.client(t)
	for _, method := range []string{inlineFail, failing} {
		var trailer metadata.MD
		_, err := invoke(within(t), c, method, nil, grpc.Trailer(&trailer))
		got := status.Convert(err)
		if got.Code() != codes.FailedPrecondition || got.Message() != failure().Message() {
			t.Errorf("%s: %v", method, err)
		}
		if details := got.Details(); len(details) != 1 || details[0].(*errdetails.ErrorInfo).GetReason() != "TEST" {
			t.Errorf("%s: details %v", method, details)
		}
		if !slices.Equal(trailer["text"], failureTrailer["text"]) || !slices.Equal(trailer["raw-bin"], failureTrailer["raw-bin"]) {
			t.Errorf("%s: trailers %v", method, trailer)
		}
	}
	if _, err := invoke(within(t), c, "/test/Unknown", nil); status.Code(err) != codes.Unimplemented {
		t.Errorf("unknown method: %v", err)
	}
}

func TestClientServerStreaming(t *testing.T) {
	r := start(t)
	c := r.client(t)
	for _, row := range []struct{ messages, size int }{{0, 0}, {1, 0}, {1000, 10}, {10, 1 << 20}} {
		s := stream(t, within(t), c, countDown)
		request := fmt.Appendf(nil, "%d %d", row.messages, row.size)
		if err := s.SendMsg(&request); err != nil {
			t.Fatal(err)
		}
		if err := s.CloseSend(); err != nil {
			t.Fatal(err)
		}
		for i := range row.messages {
			var got []byte
			if err := s.RecvMsg(&got); err != nil || !bytes.Equal(got, content(row.size)) {
				t.Fatalf("message %d: %d bytes, %v", i, len(got), err)
			}
		}
		if err := s.RecvMsg(new([]byte)); err != io.EOF {
			t.Errorf("after %d messages: %v", row.messages, err)
		}
	}
}

func TestClientBidirectionalStreaming(t *testing.T) {
	r := start(t)
	s := stream(t, within(t), r.client(t), bidiEcho)
	for i := range 100 {
		request, got := content(i*i*10), []byte(nil)
		if err := s.SendMsg(&request); err != nil {
			t.Fatal(err)
		}
		if err := s.RecvMsg(&got); err != nil || !bytes.Equal(got, request) {
			t.Fatalf("message %d: %d bytes, %v", i, len(got), err)
		}
	}
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if err := s.RecvMsg(new([]byte)); err != io.EOF {
		t.Errorf("after the end: %v", err)
	}
}

func TestClientDeadline(t *testing.T) {
	r := start(t)
	c := r.client(t)
	for _, method := range []string{never, inlineNever} {
		ctx, cancel := context.WithTimeout(within(t), 50*time.Millisecond)
		defer cancel()
		if _, err := invoke(ctx, c, method, nil); status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("%s: %v", method, err)
		}
	}
	if !r.handler.await(func(c counts) bool { return c.inUse == 0 && c.cancelled == c.started }) {
		t.Errorf("calls: %+v", r.handler.now())
	}
}

func TestClientCancels(t *testing.T) {
	r := start(t)
	c := r.client(t)
	for i, method := range []string{never, inlineNever, bidiEcho, countDown} {
		ctx, cancel := context.WithCancel(within(t))
		s := stream(t, ctx, c, method)
		request := []byte("100000 100000")
		if err := s.SendMsg(&request); err != nil {
			t.Fatal(err)
		}
		if method == inlineNever {
			_ = s.CloseSend()
		}
		if !r.handler.await(func(c counts) bool { return c.started+c.served == i+1 }) {
			t.Fatalf("%s was not started", method)
		}
		cancel()
		var err error
		for err == nil {
			err = s.RecvMsg(new([]byte))
		}
		if status.Code(err) != codes.Canceled {
			t.Errorf("%s: %v", method, err)
		}
		if !r.handler.await(func(c counts) bool { return c.inUse == 0 }) {
			t.Errorf("%s: calls %+v", method, r.handler.now())
		}
	}
}

func TestClientTLS(t *testing.T) {
	config, pool := certificate(t)
	r := start(t, func(o *transport.Options) { o.TLS = config })
	trusting := grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(pool, ""))
	c := r.client(t, trusting)
	for _, method := range unaryEchoes {
		if got, err := invoke(within(t), c, method, content(100000)); err != nil || !bytes.Equal(got, content(100000)) {
			t.Errorf("%s: %d bytes, %v", method, len(got), err)
		}
	}
	if _, err := invoke(within(t), r.client(t), inlineEcho, nil); status.Code(err) != codes.Unavailable {
		t.Errorf("without TLS: %v", err)
	}
	for _, protocols := range [][]string{nil, {"http/1.1"}, {"other"}} {
		conn, err := dialTLS(r.address, pool, protocols...)
		if err != nil {
			continue
		}
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Errorf("a client that offers %q was answered", protocols)
		}
		_ = conn.Close()
	}
}

// drainClient starts GracefulStop and waits until the client knows.
func (r *running) drainClient(t *testing.T, c *grpc.ClientConn) (stopped chan struct{}) {
	t.Helper()
	// A call may end before the state of the client has changed.
	for state := c.GetState(); state != connectivity.Ready; state = c.GetState() {
		if !c.WaitForStateChange(within(t), state) {
			t.Fatalf("the client is in state %v", state)
		}
	}
	stopped = make(chan struct{})
	go func() {
		defer close(stopped)
		r.server.GracefulStop()
	}()
	if !c.WaitForStateChange(within(t), connectivity.Ready) {
		t.Fatal("the client does not notice GracefulStop")
	}
	return stopped
}

func TestClientOfStoppingServer(t *testing.T) {
	t.Run("no TLS", func(t *testing.T) {
		r := start(t)
		testStopping(t, r, r.client(t))
	})
	t.Run("TLS", func(t *testing.T) {
		config, pool := certificate(t)
		r := start(t, func(o *transport.Options) { o.TLS = config })
		testStopping(t, r, r.client(t, grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(pool, ""))))
	})
}

func testStopping(t *testing.T, r *running, c *grpc.ClientConn) {
	s := stream(t, within(t), c, bidiEcho)
	echo := func() {
		t.Helper()
		request, got := []byte("request"), []byte(nil)
		if err := s.SendMsg(&request); err != nil {
			t.Fatal(err)
		}
		if err := s.RecvMsg(&got); err != nil {
			t.Fatal(err)
		}
	}
	echo()
	stopped := r.drainClient(t, c)
	if _, err := invoke(within(t), c, inlineEcho, nil); status.Code(err) != codes.Unavailable {
		t.Errorf("a new call: %v", err)
	}
	echo()
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if err := s.RecvMsg(new([]byte)); err != io.EOF {
		t.Errorf("the call in progress: %v", err)
	}
	select {
	case <-stopped:
	case <-within(t).Done():
		t.Error("GracefulStop waits")
	}
}

// Calls on a connection that is drained are sent to another server, and none is lost.
func TestClientMovesToAnotherServer(t *testing.T) {
	servers := []*running{start(t), start(t)}
	target := 0
	var mu sync.Mutex
	dial := func(ctx context.Context, _ string) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		return new(net.Dialer).DialContext(ctx, "tcp", servers[target].address)
	}
	c := servers[0].client(t, grpc.WithContextDialer(dial))
	ctx := within(t)
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for range 300 {
				if _, err := invoke(ctx, c, inlineEcho, []byte("request"), grpc.WaitForReady(true)); err != nil {
					t.Errorf("a call was lost: %v", err)
					return
				}
			}
		})
	}
	servers[0].handler.await(func(c counts) bool { return c.admitted > 100 })
	mu.Lock()
	target = 1
	mu.Unlock()
	servers[0].server.GracefulStop()
	callers.Wait()
	if got := servers[0].handler.now().admitted + servers[1].handler.now().admitted; got != 8*300 {
		t.Errorf("%d calls", got)
	}
}

func TestClientOfStoppedServer(t *testing.T) {
	r := start(t)
	c := r.client(t)
	calls := make(chan error)
	for _, method := range []string{never, inlineNever} {
		go func() {
			_, err := invoke(within(t), c, method, nil)
			calls <- err
		}()
	}
	if !r.handler.await(func(c counts) bool { return c.started == 1 && c.served == 1 }) {
		t.Fatal("the calls were not started")
	}
	r.server.Stop()
	for range 2 {
		if err := <-calls; status.Code(err) != codes.Unavailable {
			t.Errorf("call in progress: %v", err)
		}
	}
}
