package grpcgo_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/umadb-go/umadb/internal/grpcgo"
)

// The tests of this file fail if grpc-go no longer does what this package relies on,
// although it has not guaranteed it. Each subtest is named after one such promise.

// failing returns a handler that fails with details, in the form for a user agent, or for
// the client's if agent is "".
func failing(t *testing.T, agent string) grpc.StreamHandler {
	return func(_ any, stream grpc.ServerStream) error {
		userAgent := agent
		if userAgent == "" {
			header, _ := metadata.FromIncomingContext(stream.Context())
			userAgent = header.Get("user-agent")[0]
		}
		st, trailer := grpcgo.AddDetails(status.New(codes.FailedPrecondition, "text"), wrapperspb.String("details"), userAgent)
		if packed := trailer == nil; packed != (agent == "") {
			t.Errorf("for %q the details are packed: %v", userAgent, packed)
		}
		stream.SetTrailer(trailer)
		return st.Err()
	}
}

// TestClientContract contains what clients rely on.
func TestClientContract(t *testing.T) {
	t.Run("bare details replace the code, which remains in the text", func(t *testing.T) { detailsAreRead(t, "tonic") })
	t.Run("packed details are in the trailer, and grpc-go names itself", func(t *testing.T) { detailsAreRead(t, "") })
	t.Run("a call without a connection has no peer", unsentCall)
	t.Run("a status alone has a trailer", answeredCall)
	t.Run("a stream that was reset has no trailer", resetCall)
	t.Run("a stream that ended without headers returns none", endedStream)
	t.Run("a call returns why the last attempt to connect failed", connectError)
}

func detailsAreRead(t *testing.T, agent string) {
	attempt, err := grpcgo.Invoke(within(t), dial(t, serve(t, failing(t, agent), nil)), method, new(emptypb.Empty), new(emptypb.Empty))
	details := new(wrapperspb.StringValue)
	code, found := grpcgo.ReadDetails(status.Convert(err), attempt.Trailer, details)
	if code != codes.FailedPrecondition || !found || details.GetValue() != "details" {
		t.Errorf("code %v, details %v of %v", code, details, err)
	}
}

func unsentCall(t *testing.T) {
	refusing := listen(t)
	refusing.Close()
	attempt, err := grpcgo.Invoke(within(t), dial(t, refusing.Addr().String()), method, new(emptypb.Empty), new(emptypb.Empty))
	if status.Code(err) != codes.Unavailable || attempt.Sent || attempt.Answered {
		t.Errorf("%+v, %v", attempt, err)
	}
}

func answeredCall(t *testing.T) {
	conn := dial(t, serve(t, func(any, grpc.ServerStream) error { return status.Error(codes.ResourceExhausted, "") }, nil))
	attempt, err := grpcgo.Invoke(within(t), conn, method, new(emptypb.Empty), new(emptypb.Empty))
	if status.Code(err) != codes.ResourceExhausted || !attempt.Sent || !attempt.Answered {
		t.Errorf("%+v, %v", attempt, err)
	}
}

// resetting is a server that resets every stream, as a proxy does that is overloaded.
func resetting(t *testing.T) (address string) {
	return accept(t, func(conn net.Conn) {
		server := startServer(t, conn)
		for {
			frame, err := server.ReadFrame()
			if err != nil {
				return
			}
			if headers, ok := frame.(*http2.MetaHeadersFrame); ok {
				_ = server.WriteRSTStream(headers.StreamID, http2.ErrCodeEnhanceYourCalm)
			}
		}
	})
}

// startServer does the handshake of HTTP/2 on an accepted connection.
func startServer(t *testing.T, conn net.Conn) *frames {
	_, _ = io.ReadFull(conn, make([]byte, len(http2.ClientPreface)))
	server := newFrames(t, conn)
	_ = server.WriteSettings()
	return server
}

func resetCall(t *testing.T) {
	attempt, err := grpcgo.Invoke(within(t), dial(t, resetting(t)), method, new(emptypb.Empty), new(emptypb.Empty))
	if status.Code(err) != codes.ResourceExhausted || !attempt.Sent || attempt.Answered {
		t.Errorf("%+v, %v", attempt, err)
	}
}

func endedStream(t *testing.T) {
	for name, row := range map[string]struct {
		address string
		headers bool
	}{
		"reset":   {resetting(t), false},
		"status":  {serve(t, func(any, grpc.ServerStream) error { return status.Error(codes.Aborted, "") }, nil), false},
		"headers": {serve(t, func(_ any, stream grpc.ServerStream) error { return stream.SendHeader(nil) }, nil), true},
	} {
		stream, err := dial(t, row.address).NewStream(within(t), &grpc.StreamDesc{ServerStreams: true}, method)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.SendMsg(new(emptypb.Empty)); err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		if err := stream.RecvMsg(new(emptypb.Empty)); err == nil {
			t.Fatal("a message was received")
		}
		if got := grpcgo.HasHeaders(stream); got != row.headers {
			t.Errorf("%s: HasHeaders is %v", name, got)
		}
	}
}

func connectError(t *testing.T) {
	conn := dial(t, serve(t, respond, nil))
	if err := grpcgo.ConnectError(conn); err != nil {
		t.Errorf("before the first attempt: %v", err)
	}
	if err := conn.Invoke(within(t), method, new(emptypb.Empty), new(emptypb.Empty)); err != nil {
		t.Fatal(err)
	}
	if err := grpcgo.ConnectError(conn); err != nil {
		t.Errorf("while connected: %v", err)
	}
	refusing := dial(t, "unused", grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
		return nil, errors.New("the cause")
	}))
	awaitFailure(t, refusing)
	if got, _ := grpcgo.Reason(status.Convert(grpcgo.ConnectError(refusing)).Message()); got != "the cause" {
		t.Errorf("after a failed attempt: %v", got)
	}
}

// TestTextContract makes grpc-go fail in each way for which there is a text.
func TestTextContract(t *testing.T) {
	certificate, trusted := selfSigned(t)
	silent := func(net.Conn) {}
	insecure, patient, hasty := grpc.EmptyDialOption{}, 10*time.Second, 100*time.Millisecond
	for _, row := range []struct {
		promise string
		serve   func(net.Conn)
		option  grpc.DialOption
		timeout time.Duration // for an attempt to connect
		want    string
	}{
		{"the server closes a new connection", func(conn net.Conn) { _ = conn.(*net.TCPConn).CloseWrite() }, insecure, patient, `no answer in HTTP/2: EOF`},
		{"the server responds in another protocol", func(conn net.Conn) { _, _ = conn.Write([]byte("SSH-2.0-OpenSSH_9.9\r\n")) }, insecure, patient, `no answer in HTTP/2: .+`},
		{"the server sends no preface", silent, insecure, hasty, `the server does not respond`},
		{"the server sends no TLS handshake", silent, grpc.WithTransportCredentials(trusted), hasty, `the server does not respond`},
		{"the server ends the TLS handshake", func(conn net.Conn) { _ = conn.(*net.TCPConn).CloseWrite() }, grpc.WithTransportCredentials(trusted), patient, `EOF`},
		{"the certificate is not trusted", func(conn net.Conn) { _ = tls.Server(conn, certificate).Handshake() }, grpc.WithTransportCredentials(credentials.NewTLS(nil)), patient, `tls: failed to verify certificate: .+`},
	} {
		t.Run(row.promise, func(t *testing.T) {
			conn := dial(t, accept(t, row.serve), row.option, grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: row.timeout}))
			awaitFailure(t, conn)
			wantReason(t, grpcgo.ConnectError(conn), row.want)
		})
	}
	t.Run("the server refuses connections", func(t *testing.T) {
		const refused = `connection refused|connectex: .*refused.*` // the latter by Windows
		refusing := listen(t)
		refusing.Close()
		conn := dial(t, refusing.Addr().String())
		awaitFailure(t, conn)
		wantReason(t, grpcgo.ConnectError(conn), refused)
		// A call that waits for a connection has another text.
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		wantReason(t, conn.Invoke(ctx, method, new(emptypb.Empty), new(emptypb.Empty), grpc.WaitForReady(true)), refused)
	})
	for _, goAway := range []bool{false, true} {
		t.Run(fmt.Sprintf("the connection breaks; GOAWAY was sent: %v", goAway), func(t *testing.T) {
			wantReason(t, invoke(t, accept(t, func(conn net.Conn) { breakCall(t, conn, goAway) })), `the connection broke: EOF.*`)
		})
	}
	t.Run("the server does not reply to a ping", unansweredPing)
	for code, text := range map[int]string{
		http.StatusRequestEntityTooLarge: `the proxy refuses a request of this size \(HTTP 413\)`,
		http.StatusBadGateway:            `HTTP 502 \(Bad Gateway\) instead of a gRPC response; .*`,
		http.StatusNotFound:              `HTTP 404 \(Not Found\) instead of a gRPC response; .*`,
	} {
		t.Run(http.StatusText(code), func(t *testing.T) {
			err := invoke(t, proxy(t, code))
			wantReason(t, err, text)
			if got := grpcgo.RefusedForSize(err); got != (code == http.StatusRequestEntityTooLarge) {
				t.Errorf("RefusedForSize is %v", got)
			}
		})
	}
}

// wantReason checks the whole text that is shown for the error of a call.
func wantReason(t *testing.T, err error, pattern string) {
	t.Helper()
	text := status.Convert(err).Message()
	if got, _ := grpcgo.Reason(text); !regexp.MustCompile(`^(`+pattern+`)$`).MatchString(got) || strings.Contains(got, "rpc error") {
		t.Errorf("grpc-go returns\n\t%q\nof which remains\n\t%q\nwant %s", text, got, pattern)
	}
}

// breakCall ends a connection after the headers of the first call. It does not close it,
// because a reset might arrive before the end.
func breakCall(t *testing.T, conn net.Conn, goAway bool) {
	defer conn.(*net.TCPConn).CloseWrite()
	server := startServer(t, conn)
	for {
		frame, err := server.ReadFrame()
		if err != nil {
			return
		}
		if headers, ok := frame.(*http2.MetaHeadersFrame); ok {
			if goAway {
				_ = server.WriteGoAway(headers.StreamID, http2.ErrCodeNo, []byte("graceful_stop"))
			}
			return
		}
	}
}

// A ping is sent after 10 seconds at the earliest.
func unansweredPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listener := bufconn.Listen(1 << 10)
		go func() {
			conn, err := listener.Accept()
			if err == nil {
				startServer(t, conn)
				_, _ = io.Copy(io.Discard, conn)
			}
		}()
		conn := dial(t, "memory", grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
			grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: time.Second}))
		err := conn.Invoke(t.Context(), method, new(emptypb.Empty), new(emptypb.Empty))
		conn.Close()
		listener.Close()
		wantReason(t, err, `the server does not respond`)
	})
}
