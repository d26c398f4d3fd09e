package grpcgo_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// method is the method that tests call. Servers have no services, only a handler.
const method = "/test.Service/Method"

// wrapped is a listener that converts its connections.
type wrapped struct {
	net.Listener
	convert func(net.Conn) net.Conn
}

// Accept returns the next connection, converted.
func (w wrapped) Accept() (net.Conn, error) {
	conn, err := w.Listener.Accept()
	if err != nil || w.convert == nil {
		return conn, err
	}
	return w.convert(conn), nil
}

// serve starts a gRPC server whose handler handles every call. convert converts its
// connections; it may be nil.
func serve(t *testing.T, handle grpc.StreamHandler, convert func(net.Conn) net.Conn, options ...grpc.ServerOption) (address string) {
	t.Helper()
	listener := listen(t)
	server := grpc.NewServer(append(options, grpc.UnknownServiceHandler(handle))...)
	go server.Serve(wrapped{listener, convert})
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

// accept passes each connection that a test's own server accepts to handle. The
// connections are closed when the test ends.
func accept(t *testing.T, handle func(net.Conn)) (address string) {
	t.Helper()
	listener := listen(t)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			context.AfterFunc(t.Context(), func() { conn.Close() })
			go handle(conn)
		}
	}()
	return listener.Addr().String()
}

// dial returns a connection to an address, which is established when it is first used.
func dial(t *testing.T, address string, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	options = append([]grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy()}, options...)
	conn, err := grpc.NewClient("passthrough:///"+address, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// within returns a context that ends after the test's patience.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// receive receives the request of a call as generated code does.
func receive(stream grpc.ServerStream) error { return stream.RecvMsg(new(emptypb.Empty)) }

// respond responds to a call as generated code does.
func respond(_ any, stream grpc.ServerStream) error {
	if err := receive(stream); err != nil {
		return err
	}
	return stream.SendMsg(new(emptypb.Empty))
}

// frames sends and receives HTTP/2 frames one by one.
type frames struct {
	*http2.Framer
	t    *testing.T
	conn net.Conn
}

func newFrames(t *testing.T, conn net.Conn) *frames {
	f := &frames{http2.NewFramer(conn, conn), t, conn}
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	return f
}

// invoke makes a call and returns its error.
func invoke(t *testing.T, address string) error {
	t.Helper()
	return dial(t, address).Invoke(within(t), method, new(emptypb.Empty), new(emptypb.Empty))
}

// awaitFailure waits until an attempt to connect has failed.
func awaitFailure(t *testing.T, conn *grpc.ClientConn) {
	t.Helper()
	ctx := within(t)
	conn.Connect()
	for state := conn.GetState(); state != connectivity.TransientFailure; state = conn.GetState() {
		if !conn.WaitForStateChange(ctx, state) {
			t.Fatalf("the state is %v, and not that of a failure", state)
		}
	}
}

// proxy starts an HTTP server that responds to every call with a code and a page.
func proxy(t *testing.T, code int) (address string) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "<html>\n<body>(a page)</body></html>")
	}))
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// selfSigned returns the configuration of a server with a new certificate, and credentials
// that trust it.
func selfSigned(t *testing.T) (server *tls.Config, trusted credentials.TransportCredentials) {
	t.Helper()
	issuer := httptest.NewUnstartedServer(nil)
	issuer.StartTLS()
	defer issuer.Close()
	roots := x509.NewCertPool()
	roots.AddCert(issuer.Certificate())
	return &tls.Config{Certificates: issuer.TLS.Certificates, NextProtos: []string{"h2"}}, credentials.NewTLS(&tls.Config{RootCAs: roots})
}
