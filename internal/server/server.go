package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/transport"
)

// Timeouts that are not in Options.
const (
	// handshakeTimeout bounds the TLS and HTTP/2 handshakes together.
	handshakeTimeout = 10 * time.Second
	// readerPatience is how long Shutdown waits for clients to read what they were sent.
	// Afterwards it checks every appendPoll whether appends are still in progress.
	readerPatience = 2 * time.Second
	appendPoll     = 10 * time.Millisecond
	// arrivalPatience is how long Shutdown waits for requests to arrive, and for the
	// store's writer to claim appends, before it ends them.
	arrivalPatience = time.Second
)

// Store is the event store that the server serves. Its requests and responses are
// encoded. Its errors are those of package dcb.
type Store interface {
	// Commit is EventStore.Append. When giveUp is closed, an append that is not being
	// written has no effect and fails with context.Canceled. Commit does not use the
	// request after it returns.
	Commit(ctx context.Context, request *record.AppendRequest, giveUp <-chan struct{}) (uint64, error)
	// Submit is Commit for callers that cannot wait. It reports false, and has no effect,
	// if the append has to wait before the writer can decide it. Otherwise it calls done
	// once, perhaps before it returns, from a goroutine that must not wait either. The
	// request is used until then. At the deadline, if it is not zero, or when cancel is
	// called, an append that is not being written has no effect and fails.
	Submit(request *record.AppendRequest, deadline time.Time, done func(uint64, error)) (cancel func(), ok bool)
	// OpenRead starts a read on a snapshot of the store.
	OpenRead(ctx context.Context, request *record.ReadRequest) (record.Cursor, error)
	// OpenSubscription starts a subscription. Its cursor returns io.EOF when the
	// store is closed.
	OpenSubscription(request *record.SubscribeRequest) (record.Cursor, error)
	// OpenTerms starts the answer to a request for types or tags. Its messages are
	// TermsResponses, and Progress is that of terms instead of events.
	OpenTerms(ctx context.Context, request *record.TermsRequest) (record.Cursor, error)
	// Count returns the answer to a request for numbers of events.
	Count(ctx context.Context, request *record.CountRequest) ([]uint64, error)
	// Head is EventStore.Head.
	Head(ctx context.Context) (uint64, error)
	// PositionAt is EventStore.PositionAt.
	PositionAt(ctx context.Context, t time.Time) (uint64, error)
	// GetTrackingInfo is EventStore.GetTrackingInfo.
	GetTrackingInfo(ctx context.Context, source string) (uint64, bool, error)
	// LastPosition returns the position of the last event that reads of the store find now.
	LastPosition() uint64
	// WaitFor waits until LastPosition is at least a position, for a bounded time.
	WaitFor(ctx context.Context, position uint64) error
	// Limits returns the limits for parsing requests.
	Limits() *dcb.Limits
	// Failed is closed when a write or sync has failed, and no append will
	// succeed before a restart.
	Failed() <-chan struct{}
	// Unavailable returns why appends and fresh reads fail for now, although the store has not
	// failed, or nil.
	Unavailable() error
	// CatchingUp returns why even reads of what the store has would return far too little, or
	// nil. It is a reason of Unavailable.
	CatchingUp() error
	// AppendStall returns for how long appends have been waiting while none of them
	// completed, or 0 if none is waiting.
	AppendStall() time.Duration
	// AppendRefusal returns the error with which appends are refused for lack of disk
	// space, or nil.
	AppendRefusal() error
}

// Server serves a Store over gRPC.
type Server struct {
	store   Store
	options Options
	limits  *dcb.Limits
	log     *slog.Logger
	auth    authenticator
	conns   *connections
	calls   *calls
	notices *notices
	onCall  atomic.Pointer[func(*CallRecord)] // nil if calls are not recorded

	certificate *certificate // nil without TLS
	clientCA    *clientCA    // nil if clients need no certificate

	requests, queries, subscriptions, responses *budget

	pressed   chan struct{} // wakes the monitor
	watches   atomic.Int64  // number of health watches
	appending atomic.Int64  // number of appends in progress
	appends   starvation
	health    currentHealth

	rejections *rejections

	transport      *transport.Server
	methods        map[string]*servedMethod    // by path
	unknown        *servedMethod               // for all methods that do not exist
	services       map[string]grpc.ServiceInfo // for reflection
	arrivalTimeout *status.Status              // of a request that does not arrive in time
	tooSlow        *status.Status              // of a request that arrives too slowly while others wait for memory

	stopping  context.Context // done once Shutdown has started
	beginStop context.CancelFunc
	giveUp    context.Context // done after Shutdown has waited for arrivalPatience
	endWaits  context.CancelFunc
}

// New returns a server of a store. The caller must close the store after Shutdown. New
// fails with dcb.ErrInvalidArgument if the TLS files or the API key cannot be used.
func New(store Store, options Options) (*Server, error) {
	limits := store.Limits()
	options = options.withDefaults(limits)
	certificate, err := newCertificate(options)
	if err != nil {
		return nil, err
	}
	clientCA, err := newClientCA(options, certificate)
	if err != nil {
		return nil, err
	}
	s := &Server{
		store:   store,
		options: options,
		limits:  limits,
		log:     options.Logger,
		calls:   &calls{most: options.CallMemory},
		notices: newNotices(options.Logger),
		pressed: make(chan struct{}, 1),
		health:  newCurrentHealth(),

		rejections: newRejections(),

		certificate: certificate,
		clientCA:    clientCA,
	}
	budgets := options.budgets(limits)
	s.requests, s.queries = budgets[ofRequests], budgets[ofQueries]
	s.subscriptions, s.responses = budgets[ofSubscriptions], budgets[ofResponses]
	s.requests.waitersHold = true
	s.responses.pressed = s.press
	s.responses.patience = options.SendTimeout
	s.responses.pools[largePool].own = smallMessage
	s.conns = newConnections(options.MaxConnections, s.notices)
	if err := s.auth.setSingle(options.APIKey); err != nil {
		return nil, err
	}
	s.arrivalTimeout = status.Newf(codes.DeadlineExceeded, "the request did not arrive within %v", options.ReceiveTimeout)
	s.tooSlow = status.New(codes.ResourceExhausted, "the request arrived too slowly while others waited for its memory; try again later")
	s.stopping, s.beginStop = context.WithCancel(context.Background())
	s.giveUp, s.endWaits = context.WithCancel(context.Background())
	s.register()
	s.transport = s.newTransport()
	if options.lowered {
		s.log.Warn("few connections are allowed because the limit of open files is low", "connections", options.MaxConnections, "files", descriptorLimit())
	}
	s.updateHealth()
	go s.monitor()
	return s, nil
}

// newTransport returns the transport of the server.
func (s *Server) newTransport() *transport.Server {
	return transport.NewServer(callHandler{s}, transport.Options{
		TLS:              s.tlsConfig(),
		OnTLS:            s.onTLS,
		OnRefused:        func(accepted net.Conn) { s.notices.Warn(refusedStreams, accepted.RemoteAddr()) },
		Inline:           func(name string) bool { m := s.methods[name]; return m != nil && m.begin != nil },
		InlineBytes:      maxSmallRequest,
		MaxStreams:       s.options.MaxStreams,
		HeaderBytes:      maxHeaderBytes,
		ReadBuffer:       readBuffer,
		WriteBuffer:      writeBuffer,
		StreamWindow:     streamWindow,
		ConnWindow:       connWindow,
		HandshakeTimeout: handshakeTimeout,
		// Without pings, an idle subscription would not notice a dead client, and proxies
		// close connections that are idle for 60 seconds, some for 30.
		PingAfter:   15 * time.Second,
		PingTimeout: 20 * time.Second,
		// Existing clients ping every 5 seconds, with or without calls.
		PingInterval: 2 * time.Second,
	})
}

// Serve accepts and serves the connections of a listener until Shutdown, and then
// returns nil, or until the listener fails. It closes the listener.
func (s *Server) Serve(listener net.Listener) error {
	serving, end := context.WithCancel(s.stopping)
	defer end()
	go s.certificate.watch(serving)
	return s.transport.Serve(s.conns.limit(listener))
}

// ServeInProcess is Serve for connections within this process, which are not encrypted.
func (s *Server) ServeInProcess(listener net.Listener) error {
	return s.transport.ServeInProcess(s.conns.limit(listener))
}

// Shutdown stops the server. From now on the health service returns NOT_SERVING and new
// calls are refused. Appends that the store is writing are completed; appends that it
// does not write within a second, and requests that do not arrive within a second, fail
// with UNAVAILABLE and have no effect. Subscriptions end without an error, and
// incomplete reads fail with UNAVAILABLE. Shutdown returns when all calls have ended. It
// waits two seconds for clients that do not read what they were sent, and then closes
// their connections. If ctx is done before, Shutdown closes all connections, even those
// with calls in progress, and returns the context's error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.beginStop()
	arrival := time.AfterFunc(arrivalPatience, func() {
		s.endWaits()
		s.transport.Cancel()
		s.transport.EndArriving(time.Now(), stopping)
	})
	defer arrival.Stop()
	finished := make(chan struct{})
	go func() {
		s.transport.GracefulStop()
		close(finished)
	}()
	patience := time.NewTimer(readerPatience)
	defer patience.Stop()
	for {
		select {
		case <-finished:
			return nil
		case <-ctx.Done():
			s.transport.Stop()
			return fmt.Errorf("server: calls in progress were aborted: %w", context.Cause(ctx))
		case <-patience.C:
		}
		if s.appending.Load() == 0 {
			s.transport.Stop() // only clients that do not read their events are left
			return nil
		}
		patience.Reset(appendPoll)
	}
}
