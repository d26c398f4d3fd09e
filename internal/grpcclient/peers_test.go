package grpcclient_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/internal/grpcclient"
	"github.com/umadb-go/umadb/internal/servertest"
)

// The tests of this file run against the server of grpc-go and against internal/transport.

func TestUnaryCalls(t *testing.T) {
	eachServer(t, serverOptions{}, func(t *testing.T, _ server, _ *served, address string) {
		c := open(t, address, nil)
		for _, method := range []string{echo, inline} {
			for _, size := range []int{0, 1, 1000, 16 << 10, 70 << 10, 3 << 20} {
				text := strings.Repeat("x", size)
				if got, err := call(t, within(t, patience), c, method, text); err != nil || got != text {
					t.Errorf("%s with %d bytes: %d bytes, %v", method, size, len(got), err)
				}
				if got, err := call(t, context.Background(), c, method, text); err != nil || got != text {
					t.Errorf("%s with %d bytes, without a deadline: %d bytes, %v", method, size, len(got), err)
				}
			}
		}
	})
}

func TestManyCallersShareAConnection(t *testing.T) {
	eachServer(t, serverOptions{maxStreams: 20}, func(t *testing.T, _ server, _ *served, address string) {
		dials := 0
		c := open(t, address, func(o *grpcclient.Options) {
			dial := o.Dial
			o.Dial = func(ctx context.Context, address string) (net.Conn, error) { dials++; return dial(ctx, address) }
		})
		var callers sync.WaitGroup
		for caller := range 64 {
			callers.Go(func() {
				for n := range 50 {
					text := fmt.Sprintf("%d %d %s", caller, n, strings.Repeat("x", n*caller))
					if got, err := call(t, within(t, patience), c, []string{echo, inline}[n%2], text); err != nil || got != text {
						t.Errorf("caller %d: %q, %v", caller, got, err)
						return
					}
				}
			})
		}
		callers.Wait()
		if dials != 1 {
			t.Errorf("%d connections", dials)
		}
	})
}

func TestResponseIsAppendedToBuffer(t *testing.T) {
	eachServer(t, serverOptions{}, func(t *testing.T, _ server, _ *served, address string) {
		buffer := append(make([]byte, 0, 100), "before"...)
		got, err := open(t, address, nil).Invoke(within(t, patience), echo, encode("a"), buffer)
		if want := "before" + string(encode("a")); err != nil || string(got) != want || &got[0] != &buffer[0] {
			t.Errorf("%q, %v", got, err)
		}
	})
}

func TestStreams(t *testing.T) {
	eachServer(t, serverOptions{}, func(t *testing.T, _ server, _ *served, address string) {
		c := open(t, address, nil)
		for _, row := range []struct{ messages, bytes int }{{0, 0}, {1, 0}, {1, 5}, {2000, 0}, {3000, 100}, {100, 33 << 10}, {20, 400 << 10}, {2, 5 << 20}} {
			stream, err := c.Open(within(t, patience), count, encode(fmt.Sprintf("%d %d", row.messages, row.bytes)))
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for {
				message, err := stream.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if got, want := decode(t, message), strings.Repeat(string(rune('a'+n%26)), row.bytes); got != want {
					t.Fatalf("message %d of %v has %d bytes", n, row, len(got))
				}
				n++
			}
			if n != row.messages || stream.HasHeaders() != (row.messages > 0) {
				t.Errorf("%d messages of %v", n, row)
			}
			stream.Close()
			if _, err := stream.Next(); err != io.EOF {
				t.Errorf("after Close: %v", err)
			}
		}
	})
}

func TestStreamThatIsNotReadHoldsOnlyItsWindow(t *testing.T) {
	eachServer(t, serverOptions{}, func(t *testing.T, _ server, _ *served, address string) {
		c := open(t, address, nil)
		stream, err := c.Open(within(t, patience), count, encode("1000 10000"))
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		if _, err := stream.Next(); err != nil {
			t.Fatal(err)
		}
		// Others are not affected.
		for range 50 {
			if got, err := call(t, within(t, patience), c, echo, strings.Repeat("x", 50<<10)); err != nil || len(got) != 50<<10 {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
		}
		if held := grpcclient.Held(stream); held > int(testOptions().StreamWindow) {
			t.Errorf("%d bytes are held", held)
		}
		for range 999 {
			if message, err := stream.Next(); err != nil || len(decode(t, message)) != 10000 {
				t.Fatal(err)
			}
		}
		if _, err := stream.Next(); err != io.EOF {
			t.Error(err)
		}
	})
}

func TestStatusWithDetails(t *testing.T) {
	eachServer(t, serverOptions{}, func(t *testing.T, _ server, _ *served, address string) {
		c := open(t, address, nil)
		_, err := call(t, within(t, patience), c, fail, "")
		stream, opened := c.Open(within(t, patience), fail, encode(""))
		if opened != nil {
			t.Fatal(opened)
		}
		defer stream.Close()
		_, streamed := stream.Next()
		for _, err := range []error{err, streamed} {
			failed := failureOf(t, err)
			details := new(rpcstatus.Status)
			if err := proto.Unmarshal(failed.Details, details); err != nil || len(details.GetDetails()) != 1 {
				t.Errorf("details %v, %v", details, err)
			}
			if failed.Code != codes.FailedPrecondition || failed.Message != "100 % não, 日本\n" || !failed.Answered || failed.NotProcessed {
				t.Errorf("%+v", failed)
			}
			if st := status.Convert(err); st.Code() != failed.Code || st.Message() != failed.Message {
				t.Errorf("as a status it is %v", st)
			}
		}
		if stream.HasHeaders() {
			t.Error("a status alone counts as headers")
		}
		wantEcho(t, c)
	})
}

func TestHeadersOfRequest(t *testing.T) {
	noticed := new(served)
	s := newGRPC(noticed, serverOptions{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(listener)
	defer s.Stop()
	c := open(t, listener.Addr().String(), nil)
	for range 3 { // the first adds fields to the table, the second refers to it, the third repeats it
		wantEcho(t, c)
		header, _ := noticed.header.Load(echo)
		md := header.(metadata.MD)
		for name, want := range map[string]string{":authority": listener.Addr().String(), "content-type": "application/grpc", "user-agent": "test"} {
			if got := md.Get(name); len(got) != 1 || got[0] != want {
				t.Errorf("%s is %q", name, got)
			}
		}
	}
}

func TestDeadlineAndCancellationReachTheServer(t *testing.T) {
	eachServer(t, serverOptions{}, func(t *testing.T, _ server, noticed *served, address string) {
		c := open(t, address, nil)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		stream, err := c.Open(ctx, wait, encode(""))
		if err != nil {
			t.Fatal(err)
		}
		message, err := stream.Next()
		if err != nil {
			t.Fatal(err)
		}
		wanted, _ := ctx.Deadline()
		seen, err := time.Parse(time.RFC3339Nano, decode(t, message))
		if d := seen.Sub(wanted); err != nil || d < -time.Second || d > 10*time.Second {
			t.Errorf("the server sees a deadline that is %v later; %v", d, err)
		}
		cancel()
		if _, err := stream.Next(); failureOf(t, err).Code != codes.Canceled {
			t.Errorf("cancelled: %v", err)
		}
		<-noticed.cancelled
		stream.Close()

		abandoned, err := c.Open(context.Background(), wait, encode(""))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := abandoned.Next(); err != nil {
			t.Fatal(err)
		}
		abandoned.Close()
		<-noticed.cancelled
		if _, err := abandoned.Next(); err == nil {
			t.Error("a closed stream has a message")
		}

		if _, err := call(t, within(t, 50*time.Millisecond), c, wait, ""); failureOf(t, err).Code != codes.DeadlineExceeded {
			t.Errorf("late: %v", err)
		}
		late := func(timeout time.Duration) (started bool) {
			stream, err := c.Open(within(t, timeout), wait, encode(""))
			if err == nil {
				defer stream.Close()
				if _, err = stream.Next(); err == nil {
					started = true
					_, err = stream.Next()
				}
			}
			if failureOf(t, err).Code != codes.DeadlineExceeded {
				t.Errorf("a late stream: %v", err)
			}
			return started
		}
		for timeout := 50 * time.Millisecond; !late(timeout); timeout *= 2 {
		}
		<-noticed.cancelled
		done, end := context.WithCancel(context.Background())
		end()
		if _, err := call(t, done, c, echo, ""); failureOf(t, err).Code != codes.Canceled || !failureOf(t, err).NotProcessed {
			t.Errorf("cancelled before: %v", err)
		}
		wantEcho(t, c)
	})
}

func TestTLS(t *testing.T) {
	files, err := servertest.WriteCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	config := serverTLS(t, files)
	eachServer(t, serverOptions{tls: config}, func(t *testing.T, _ server, _ *served, address string) {
		wantEcho(t, open(t, address, func(o *grpcclient.Options) { o.TLS = clientTLS(t, files) }))

		untrusting := open(t, address, func(o *grpcclient.Options) { o.TLS = new(tls.Config) })
		if err := untrusting.Connect(within(t, patience)); !errors.As(err, new(*tls.CertificateVerificationError)) {
			t.Errorf("a certificate that is not trusted: %v", err)
		}
		if _, err := call(t, within(t, patience), untrusting, echo, ""); !strings.Contains(err.Error(), "certificate") {
			t.Errorf("a call: %v", err)
		}
		plain := open(t, address, nil)
		if err := plain.Connect(within(t, patience)); !errors.As(err, new(*grpcclient.NotHTTP2Error)) {
			t.Errorf("without TLS: %v", err)
		}
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go tls.Server(conn, &tls.Config{Certificates: config.Certificates}).Handshake()
		}
	}()
	c := open(t, listener.Addr().String(), func(o *grpcclient.Options) { o.TLS = clientTLS(t, files) })
	if err := c.Connect(within(t, patience)); !errors.As(err, new(*grpcclient.NotHTTP2Error)) || !strings.Contains(err.Error(), "ALPN") {
		t.Errorf("a server without ALPN: %v", err)
	}
}

func TestGracefulStop(t *testing.T) {
	eachServer(t, serverOptions{}, func(t *testing.T, s server, _ *served, address string) {
		c := open(t, address, nil)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		stream, err := c.Open(ctx, wait, encode(""))
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		if _, err := stream.Next(); err != nil {
			t.Fatal(err)
		}
		stopped := make(chan struct{})
		go func() { defer close(stopped); s.GracefulStop() }()
		for deadline := time.Now().Add(patience); c.IsConnected(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the client has not noticed that the server is stopping")
			}
		}
		if _, err := call(t, within(t, patience), c, echo, ""); failureOf(t, err).Code != codes.Unavailable || !failureOf(t, err).NotProcessed {
			t.Errorf("a call of a stopping server: %v", err)
		}
		select {
		case <-stopped:
			t.Error("the call in progress has ended")
		default:
		}
		cancel()
		if _, err := stream.Next(); failureOf(t, err).Code != codes.Canceled {
			t.Error(err)
		}
		<-stopped
	})
}

func TestMaxConcurrentStreams(t *testing.T) {
	eachServer(t, serverOptions{maxStreams: 3}, func(t *testing.T, _ server, _ *served, address string) {
		c := open(t, address, nil)
		var streams []*grpcclient.Stream
		for range 3 {
			stream, err := c.Open(context.Background(), wait, encode(""))
			if err != nil {
				t.Fatal(err)
			}
			defer stream.Close()
			streams = append(streams, stream)
			if _, err := stream.Next(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := call(t, within(t, 50*time.Millisecond), c, echo, ""); failureOf(t, err).Code != codes.DeadlineExceeded || !failureOf(t, err).NotProcessed {
			t.Errorf("a fourth call: %v", err)
		}
		results := make(chan error, 10)
		for range 10 {
			go func() {
				ctx := within(t, patience)
				_, err := call(t, ctx, c, echo, "")
				for isRefused(err) && ctx.Err() == nil { // a server may count a call until its handler has ended
					_, err = call(t, ctx, c, echo, "")
				}
				results <- err
			}()
		}
		streams[0].Close()
		for range 10 {
			if err := <-results; err != nil {
				t.Errorf("after a stream was closed: %v", err)
			}
		}
	})
}

// isRefused reports whether the server allowed no more calls.
func isRefused(err error) bool {
	failed, ok := errors.AsType[*grpcclient.Error](err)
	return ok && failed.Code == codes.Unavailable && failed.NotProcessed
}

func TestReconnects(t *testing.T) {
	eachServer(t, serverOptions{}, func(t *testing.T, s server, _ *served, address string) {
		c := open(t, address, nil)
		wantEcho(t, c)
		s.Stop()
		for deadline := time.Now().Add(patience); ; {
			_, err := call(t, within(t, patience), c, echo, "")
			if failed := failureOf(t, err); failed.Code != codes.Unavailable {
				t.Fatal(err)
			} else if failed.NotProcessed {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the client has not noticed that the server has stopped")
			}
		}
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		again := newGRPC(new(served), serverOptions{})
		go again.Serve(listener)
		defer again.Stop()
		for {
			if err := c.Connect(within(t, patience)); err == nil {
				break
			}
		}
		wantEcho(t, c)
	})
}

func TestCloseEndsCalls(t *testing.T) {
	eachServer(t, serverOptions{}, func(t *testing.T, _ server, _ *served, address string) {
		c := open(t, address, nil)
		stream, err := c.Open(context.Background(), wait, encode(""))
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		if _, err := stream.Next(); err != nil {
			t.Fatal(err)
		}
		c.Close()
		if _, err := stream.Next(); failureOf(t, err).Code != codes.Canceled || failureOf(t, err).NotProcessed {
			t.Errorf("the stream: %v", err)
		}
		if _, err := call(t, within(t, patience), c, echo, ""); failureOf(t, err).Code != codes.Canceled || !failureOf(t, err).NotProcessed {
			t.Errorf("a later call: %v", err)
		}
		c.Close()
	})
}
