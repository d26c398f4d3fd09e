package etcd

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"
)

// fakeMember answers what is asked of each member of a cluster.
type fakeMember struct {
	etcdserverpb.UnimplementedMaintenanceServer
	etcdserverpb.UnimplementedKVServer
	etcdserverpb.UnimplementedAuthServer
	stats.Handler
	address string
	server  *grpc.Server
	state   atomic.Pointer[etcdserverpb.StatusResponse]

	connections, passwords, probes atomic.Int32
}

func startMember(t *testing.T, address string, used int64) *fakeMember {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	m := &fakeMember{address: listener.Addr().String()}
	m.state.Store(&etcdserverpb.StatusResponse{Version: "3.7.3", DbSize: used, DbSizeQuota: 100})
	m.server = grpc.NewServer(grpc.StatsHandler(m), grpc.MaxRecvMsgSize(16<<20))
	etcdserverpb.RegisterMaintenanceServer(m.server, m)
	etcdserverpb.RegisterKVServer(m.server, m)
	etcdserverpb.RegisterAuthServer(m.server, m)
	go m.server.Serve(listener)
	t.Cleanup(m.server.Stop)
	return m
}

func (m *fakeMember) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (m *fakeMember) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (m *fakeMember) HandleRPC(context.Context, stats.RPCStats)                         {}
func (m *fakeMember) HandleConn(_ context.Context, s stats.ConnStats) {
	if _, begins := s.(*stats.ConnBegin); begins {
		m.connections.Add(1)
	}
}

func (m *fakeMember) Status(context.Context, *etcdserverpb.StatusRequest) (*etcdserverpb.StatusResponse, error) {
	return m.state.Load(), nil
}

func (m *fakeMember) Authenticate(context.Context, *etcdserverpb.AuthenticateRequest) (*etcdserverpb.AuthenticateResponse, error) {
	m.passwords.Add(1)
	return &etcdserverpb.AuthenticateResponse{Token: "token"}, nil
}

func (m *fakeMember) Txn(context.Context, *etcdserverpb.TxnRequest) (*etcdserverpb.TxnResponse, error) {
	m.probes.Add(1)
	return new(etcdserverpb.TxnResponse), nil
}

// newMembers opens a log at members, and returns a function that waits until a number of bytes is used.
// A member that answers late does not count.
func newMembers(t *testing.T, fakes ...*fakeMember) (log *Log, awaitUsed func(want int64)) {
	t.Helper()
	t.Setenv(sharedlog.PasswordVariable, "secret")
	var addresses []string
	for _, m := range fakes {
		addresses = append(addresses, m.address)
	}
	log, err := Open(t.Context(), "etcd://me@"+strings.Join(addresses, ",")+"/log")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return log, func(want int64) {
		t.Helper()
		var space sharedlog.Space
		var err error
		await(t, func() bool {
			space, err = log.Space(t.Context())
			return err == nil && space.Used == want
		}, func() string { return fmt.Sprintf("%d bytes are used, %v, want %d", space.Used, err, want) })
	}
}

// await asks until something is true.
func await(t *testing.T, holds func() bool, what func() string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what())
		}
	}
}

// The members are asked often. Checking a password costs them much.
func TestMembersAreAskedOverOneConnection(t *testing.T) {
	a, b := startMember(t, "127.0.0.1:0", 10), startMember(t, "127.0.0.1:0", 20)
	log, awaitUsed := newMembers(t, a, b)
	const times = 20
	for range times {
		awaitUsed(20)
	}
	// The client of the log connects when it wants to, at most a few times.
	for _, m := range []*fakeMember{a, b} {
		if connections, passwords, probes := m.connections.Load(), m.passwords.Load(), m.probes.Load(); max(connections, passwords, probes) >= times {
			t.Errorf("asking a member %d times took %d connections, %d passwords and %d probes", times, connections, passwords, probes)
		}
	}
	b.server.Stop()
	var warnings []string
	await(t, func() bool {
		awaitUsed(20) // as it was known
		warnings = log.Warnings()
		return len(warnings) == 1 && strings.Contains(warnings[0], b.address)
	}, func() string { return fmt.Sprintf("with a member that has stopped, the warnings are %q", warnings) })
	startMember(t, b.address, 30)
	awaitUsed(30)
}

// A member that must not be used neither counts nor prevents a trim.
func TestSpaceWithoutMembersThatMustNotBeUsed(t *testing.T) {
	a, learner := startMember(t, "127.0.0.1:0", 10), startMember(t, "127.0.0.1:0", 20)
	log, awaitUsed := newMembers(t, a, learner)
	learner.state.Store(&etcdserverpb.StatusResponse{Version: "3.7.3", DbSize: 50, IsLearner: true})
	var usable []string
	await(t, func() bool {
		awaitUsed(10)
		usable = log.members.usable()
		return len(usable) == 1 && usable[0] == "http://"+a.address
	}, func() string { return fmt.Sprintf("members that can be used: %q", usable) })
	if _, err := Open(t.Context(), "etcd://me@"+a.address+","+learner.address+"/log"); err == nil || !strings.Contains(err.Error(), "learner") {
		t.Errorf("a log with a learner is opened: %v", err)
	}
	learner.state.Store(&etcdserverpb.StatusResponse{Version: "3.7.3", DbSize: 60})
	awaitUsed(60) // it was promoted
	for _, m := range []*fakeMember{a, learner} {
		m.state.Store(&etcdserverpb.StatusResponse{Version: "3.6.8"})
	}
	if _, err := log.Space(t.Context()); err == nil || !strings.Contains(err.Error(), "too old") {
		t.Errorf("the space without a member that can be used: %v", err)
	}
}
