package grpcclient_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/umadb-go/umadb/internal/grpcclient"
	"github.com/umadb-go/umadb/internal/servertest"
	"github.com/umadb-go/umadb/internal/wire"
)

// patience is the timeout for everything that a test waits for.
const patience = 30 * time.Second

// testOptions returns options with small windows.
func testOptions() grpcclient.Options {
	return grpcclient.Options{
		Dial: func(ctx context.Context, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		},
		Fields:           []hpack.HeaderField{{Name: "user-agent", Value: "test"}},
		Buffers:          wire.Slabs,
		StreamWindow:     100 << 10,
		ConnWindow:       200 << 10,
		HeaderBytes:      64 << 10,
		MaxMessage:       math.MaxInt32,
		ConnectTimeout:   patience,
		KeepAlive:        time.Hour,
		KeepAliveTimeout: 10 * time.Second,
	}
}

// open returns a Conn that is closed when the test ends.
func open(t testing.TB, address string, change func(*grpcclient.Options)) *grpcclient.Conn {
	t.Helper()
	options := testOptions()
	if change != nil {
		change(&options)
	}
	c := grpcclient.New(address, options)
	t.Cleanup(c.Close)
	return c
}

// dialMemory makes a Conn dial a listener in memory.
func dialMemory(listener *bufconn.Listener) func(*grpcclient.Options) {
	return func(o *grpcclient.Options) {
		o.Dial = func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }
	}
}

// within returns a context with a timeout.
func within(t testing.TB, timeout time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	t.Cleanup(cancel)
	return ctx
}

// encode encodes a text as a message for the servers of these tests.
func encode(text string) []byte {
	message, err := proto.Marshal(wrapperspb.String(text))
	if err != nil {
		panic(err)
	}
	return message
}

// decode is the reverse of encode.
func decode(t testing.TB, message []byte) string {
	t.Helper()
	text := new(wrapperspb.StringValue)
	if err := proto.Unmarshal(message, text); err != nil {
		t.Error(err)
	}
	return text.GetValue()
}

// call makes a unary call.
func call(t testing.TB, ctx context.Context, c *grpcclient.Conn, method, text string) (string, error) {
	t.Helper()
	response, err := c.Invoke(ctx, method, encode(text), nil)
	if err != nil {
		return "", err
	}
	return decode(t, response), nil
}

// wantEcho checks that a server answers.
func wantEcho(t testing.TB, c *grpcclient.Conn) {
	t.Helper()
	if got, err := call(t, within(t, patience), c, echo, "hello"); err != nil || got != "hello" {
		t.Errorf("%q, %v", got, err)
	}
}

// failureOf returns the error of a call.
func failureOf(t testing.TB, err error) *grpcclient.Error {
	t.Helper()
	var failed *grpcclient.Error
	if !errors.As(err, &failed) {
		t.Fatalf("the error is %v", err)
	}
	return failed
}

// receive receives a message.
func receive(s grpc.ServerStream) (string, error) {
	text := new(wrapperspb.StringValue)
	err := s.RecvMsg(text)
	return text.GetValue(), err
}

// send sends a message.
func send(s grpc.ServerStream, text string) error { return s.SendMsg(wrapperspb.String(text)) }

// clientTLS returns a configuration that trusts a certificate.
func clientTLS(t testing.TB, files servertest.Certificate) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(files.CA)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return &tls.Config{RootCAs: roots}
}
