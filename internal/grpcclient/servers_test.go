package grpcclient_test

import (
	"crypto/tls"
	"encoding/binary"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/internal/servertest"
	"github.com/umadb-go/umadb/internal/transport"
)

// The methods of the servers.
const (
	echo   = "/test/Echo"   // of one message
	inline = "/test/Inline" // an echo, which internal/transport serves without a goroutine
	count  = "/test/Count"  // the request is "messages bytes"
	fail   = "/test/Fail"   // with details
	wait   = "/test/Wait"   // sends its deadline and waits for the end of its context
)

// served is what a server has noticed.
type served struct {
	cancelled chan struct{} // has an element for each call of wait that ended
	header    sync.Map      // of the last call, if the server is grpc-go's
}

func (s *served) serve(method string, stream grpc.ServerStream) error {
	request, err := receive(stream)
	if err != nil {
		return err
	}
	switch method {
	case echo, inline:
		return send(stream, request)
	case count:
		return sendMany(stream, request)
	case fail:
		st, err := status.New(codes.FailedPrecondition, "100 % não, 日本\n").WithDetails(&errdetails.ErrorInfo{Reason: "TEST"})
		if err != nil {
			return err
		}
		return st.Err()
	case wait:
		deadline, _ := stream.Context().Deadline()
		if err := send(stream, deadline.Format(time.RFC3339Nano)); err != nil {
			return err
		}
		<-stream.Context().Done()
		s.cancelled <- struct{}{}
		return status.FromContextError(stream.Context().Err()).Err()
	}
	return status.Error(codes.Unimplemented, "no such method")
}

func sendMany(stream grpc.ServerStream, request string) error {
	messages, bytes, _ := strings.Cut(request, " ")
	n, err := strconv.Atoi(messages)
	if err != nil {
		return err
	}
	size, err := strconv.Atoi(bytes)
	if err != nil {
		return err
	}
	for i := range n {
		if err := send(stream, strings.Repeat(string(rune('a'+i%26)), size)); err != nil {
			return err
		}
	}
	return nil
}

// handler serves the methods with internal/transport.
type handler struct{ *served }

func (handler) Admit(*transport.Stream) error { return nil }
func (handler) Blocked(*transport.Stream)     {}
func (handler) Release(*transport.Stream)     {}

func (handler) Begin(s *transport.Stream, request []byte) bool {
	s.Reply(request)
	return true
}

func (h handler) Serve(s *transport.Stream) error {
	if s.Method() != echo && s.Method() != inline {
		return h.serve(s.Method(), s)
	}
	prefix := make([]byte, 5)
	if err := s.Fill(prefix); err != nil {
		return err
	}
	message := make([]byte, binary.BigEndian.Uint32(prefix[1:])) // may be larger than RecvMsg accepts
	if err := s.Fill(message); err != nil && len(message) > 0 {
		return err
	}
	return s.Send(message, false)
}

// server is a server of either kind.
type server interface {
	Serve(net.Listener) error
	GracefulStop()
	Stop()
}

// serverOptions are what tests change of a server.
type serverOptions struct {
	tls        *tls.Config
	maxStreams uint32
}

func newGRPC(s *served, o serverOptions) server {
	options := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(1 << 30),
		grpc.MaxSendMsgSize(1 << 30),
		grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
			method, _ := grpc.MethodFromServerStream(stream)
			md, _ := metadata.FromIncomingContext(stream.Context())
			s.header.Store(method, md)
			return s.serve(method, stream)
		}),
	}
	if o.tls != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(o.tls)))
	}
	if o.maxStreams > 0 {
		options = append(options, grpc.MaxConcurrentStreams(o.maxStreams))
	}
	return grpc.NewServer(options...)
}

func newTransport(s *served, o serverOptions) server {
	maxStreams := o.maxStreams
	if maxStreams == 0 {
		maxStreams = 1000
	}
	return transport.NewServer(handler{s}, transport.Options{
		TLS:              o.tls,
		Inline:           func(method string) bool { return method == inline },
		InlineBytes:      16 << 10,
		MaxStreams:       maxStreams,
		HeaderBytes:      16 << 10,
		ReadBuffer:       32 << 10,
		WriteBuffer:      32 << 10,
		StreamWindow:     64 << 10,
		ConnWindow:       1 << 20,
		HandshakeTimeout: patience,
		PingAfter:        time.Hour,
		PingTimeout:      patience,
		PingInterval:     time.Second,
	})
}

// eachServer runs a test against each kind of server.
func eachServer(t *testing.T, o serverOptions, test func(t *testing.T, s server, noticed *served, address string)) {
	for name, create := range map[string]func(*served, serverOptions) server{"grpc-go": newGRPC, "transport": newTransport} {
		t.Run(name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			noticed := &served{cancelled: make(chan struct{}, 10000)}
			s := create(noticed, o)
			go s.Serve(listener)
			t.Cleanup(s.Stop)
			test(t, s, noticed, listener.Addr().String())
		})
	}
}

func serverTLS(t *testing.T, files servertest.Certificate) *tls.Config {
	t.Helper()
	certificate, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2"}}
}
