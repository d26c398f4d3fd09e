package etcd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

const (
	// keepAlive and keepAliveTimeout bound how long a connection to a member that does not
	// answer is used. gRPC permits no shorter time.
	keepAlive        = 10 * time.Second
	keepAliveTimeout = 2 * time.Second
	// firstDelay and maxDelay bound the pauses between attempts to connect to a member. Those of
	// gRPC are from 1 s to 2 min: after a long outage, its members would run and not be used.
	firstDelay = 100 * time.Millisecond
	maxDelay   = time.Second
	// attemptTimeout is how long one attempt may take.
	attemptTimeout = 5 * time.Second
	// statusTimeout is how long the members may take to tell their states, and grace how long
	// those may that have not when one has.
	statusTimeout = 10 * time.Second
	grace         = time.Second
	// connectionBytes is how many bytes a member receives beside its largest request.
	connectionBytes = 512 << 10
	// answerBytes is the size of an answer without records, at most.
	answerBytes = 64 << 10
)

// minVersion is the oldest version of a member that can be used.
var minVersion = [3]int{3, 6, 9}

// configure returns the configuration of a client of some members.
func (s *settings) configure(endpoints []string) clientv3.Config {
	addresses := make([]string, len(endpoints))
	for i, endpoint := range endpoints {
		addresses[i] = "http://" + endpoint
		if s.tls != nil {
			addresses[i] = "https://" + endpoint
		}
	}
	return clientv3.Config{
		Endpoints:            addresses,
		DialTimeout:          statusTimeout,
		DialKeepAliveTime:    keepAlive,
		DialKeepAliveTimeout: keepAliveTimeout,
		MaxCallSendMsgSize:   s.requestBytes + connectionBytes,
		MaxCallRecvMsgSize:   sharedlog.ReadBytes + maxRequestBytes + answerBytes, // another store may have a higher limit
		DialOptions: []grpc.DialOption{grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: firstDelay, Multiplier: 1.6, Jitter: 0.2, MaxDelay: maxDelay},
			MinConnectTimeout: attemptTimeout,
		})},
		TLS:      s.tls,
		Username: s.user,
		Password: s.password,
		Logger:   zap.NewNop(), // every error is also returned
	}
}

// members are the members in a URL. One of unknown version is not used.
type members struct {
	settings *settings
	closing  context.Context // of the log

	mu     sync.Mutex
	states []memberState // in the order of the endpoints; guarded by mu
}

// memberState is the last known state of a member.
type memberState struct {
	usable bool
	err    error // why it is not usable, or has not answered the last time
	status *clientv3.StatusResponse
	client *clientv3.Client   // of this member alone; nil if it has not answered the last time
	cancel context.CancelFunc // ends the context of client
}

// refusal is the error of a member that cannot keep the promises.
type refusal struct{ error }

// check asks all members for their states. It returns an error if none can be used, or if one must
// not be used.
func (m *members) check(ctx context.Context) error {
	err := m.refresh(ctx)
	for _, s := range m.snapshot() {
		if _, refused := errors.AsType[refusal](s.err); refused {
			return s.err
		}
	}
	return err
}

// refresh asks all members for their states. It returns an error if none can be used.
func (m *members) refresh(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.states == nil {
		m.states = make([]memberState, len(m.settings.endpoints))
	}
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	var asking sync.WaitGroup
	for i, endpoint := range m.settings.endpoints {
		asking.Go(func() {
			if m.update(ctx, &m.states[i], endpoint) {
				time.AfterFunc(grace, cancel)
			}
		})
	}
	asking.Wait()
	var errs []error
	for i := range m.states {
		if m.states[i].usable {
			return nil
		}
		errs = append(errs, m.states[i].err)
	}
	return errors.Join(errs...)
}

// update asks a member for its state, and reports whether it has answered.
func (m *members) update(ctx context.Context, s *memberState, endpoint string) bool {
	err := m.connect(ctx, s, endpoint)
	if err == nil {
		err = s.inspect(ctx, m.settings)
	}
	if err == nil {
		s.usable, s.err = true, nil
		return true
	}
	_, refused := errors.AsType[refusal](err)
	if ctx.Err() != nil && !refused {
		err = errors.New("it has not answered in time, or expects other settings of TLS")
	}
	s.err = fmt.Errorf("the etcd member %s: %w", endpoint, err)
	if refused {
		s.usable, s.err = false, refusal{s.err}
		return false
	}
	s.close() // gRPC would not connect again soon
	return false
}

// connect connects to a member, unless it is connected.
func (m *members) connect(ctx context.Context, s *memberState, endpoint string) error {
	if s.client != nil {
		return nil
	}
	if err := m.settings.checkReachable(ctx, endpoint); err != nil {
		return err
	}
	closing, cancel := context.WithCancel(m.closing)
	connecting := context.AfterFunc(ctx, cancel)
	config := m.settings.configure([]string{endpoint})
	config.Context = closing
	client, err := clientv3.New(config)
	if err == nil && !connecting() {
		err = errors.Join(ctx.Err(), client.Close())
	}
	if err != nil {
		cancel()
		return err
	}
	s.client, s.cancel = client, cancel
	return nil
}

// close closes the connection to a member.
func (s *memberState) close() {
	if s.client != nil {
		_ = s.client.Close()
		s.cancel()
		s.client, s.cancel = nil, nil
	}
}

// close closes all connections.
func (m *members) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.states {
		m.states[i].close()
	}
}

// usable returns the addresses of the members that can be used.
func (m *members) usable() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var usable []string
	for i, s := range m.states {
		if s.usable {
			usable = append(usable, m.settings.endpoints[i])
		}
	}
	return m.settings.configure(usable).Endpoints
}

// snapshot returns the states.
func (m *members) snapshot() []memberState {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]memberState(nil), m.states...)
}

// inspect reads the state of a member that is connected. The error is a refusal if the member
// cannot keep the promises. Unless the member is usable already, it also asks for the largest
// request.
func (s *memberState) inspect(ctx context.Context, settings *settings) error {
	// Client.Status would make a new connection for each call, and repeat it.
	maintenance := etcdserverpb.NewMaintenanceClient(s.client.ActiveConnection())
	answer, err := maintenance.Status(ctx, new(etcdserverpb.StatusRequest))
	if err != nil {
		return clientv3.ContextError(ctx, err)
	}
	if err := checkVersion(answer.Version); err != nil {
		return refusal{err}
	}
	if answer.IsLearner {
		return refusal{errors.New("it is a learner, which answers no linearizable reads: promote it, or remove it from the URL")}
	}
	if !s.usable {
		if err := settings.probe(ctx, s.client); err != nil {
			return err
		}
	}
	s.status = (*clientv3.StatusResponse)(answer)
	return nil
}

// checkReachable connects to a member once. The client would try until ctx is done, and not return why.
func (s *settings) checkReachable(ctx context.Context, endpoint string) error {
	dial := new(net.Dialer).DialContext
	if s.tls != nil {
		dial = (&tls.Dialer{Config: s.tls}).DialContext
	}
	conn, err := dial(ctx, "tcp", endpoint)
	if err != nil {
		return err
	}
	return conn.Close()
}

// probe asks a member to read, with a request as large as the largest one that it must receive.
// The member writes nothing.
func (s *settings) probe(ctx context.Context, client *clientv3.Client) error {
	keys := newKeys(s.prefix)
	padding := string(make([]byte, s.requestBytes+connectionBytes-requestOverhead))
	_, err := client.Txn(ctx).
		If(clientv3.Compare(clientv3.Value(keys.head), "=", padding)).
		Then(clientv3.OpGet(keys.head, clientv3.WithSerializable(), clientv3.WithCountOnly())).
		Commit()
	if status.Code(err) == codes.ResourceExhausted {
		return refusal{fmt.Errorf("it accepts no requests of %d bytes (%v): start all members with --max-request-bytes=%d, or set max-request-bytes of the URL, on all servers of the log, to what they accept", s.requestBytes, err, s.requestBytes)}
	}
	return err
}

func checkVersion(text string) error {
	version, ok := parseVersion(text)
	if !ok {
		return fmt.Errorf("unknown version %q", text)
	}
	for i, part := range version {
		if part < minVersion[i] {
			return fmt.Errorf("version %s is too old: linearizable reads can be stale before %d.%d.%d; upgrade all members", text, minVersion[0], minVersion[1], minVersion[2])
		}
		if part > minVersion[i] {
			break
		}
	}
	return nil
}

// parseVersion parses a version such as 3.6.9 or 3.7.0-rc.0.
func parseVersion(text string) (version [3]int, ok bool) {
	text, _, _ = strings.Cut(text, "-")
	parts := strings.Split(text, ".")
	if len(parts) != len(version) {
		return version, false
	}
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return version, false
		}
		version[i] = n
	}
	return version, true
}
