//go:build linux

package chaos

import (
	"context"
	"net"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/compressed"
	"github.com/umadb-go/umadb/internal/sharedlog/etcd"
	"github.com/umadb-go/umadb/internal/sharedlog/etcd/etcdtest"
)

// etcdEngine is a cluster of three members.
type etcdEngine struct {
	cluster *etcdtest.Cluster
	client  *clientv3.Client
	links   []*link          // from the other members to each one
	disks   map[string]*disk // of each member, nil if it has none of its own
}

func startEtcd(w *world) engine {
	e := &etcdEngine{disks: map[string]*disk{}}
	e.cluster = etcdtest.StartWith(w, etcdtest.Options{
		Members: 3,
		// So small that the log is trimmed after a few seconds.
		Args:  []string{"--quota-backend-bytes", strconv.Itoa(48 << 20)},
		Mount: func(name, dir string) { e.disks[name] = newDisk(w, dir, filepath.Join(w.dir, name+".disk")) },
		Route: func(address string) string {
			l := newLink(w, dialTCP(address))
			e.links = append(e.links, l)
			return l.address
		},
	})
	e.client = e.cluster.Client(w)
	return e
}

func (e *etcdEngine) members() int { return len(e.cluster.Members) }

func (e *etcdEngine) dial(member int) func(context.Context) (net.Conn, error) {
	return dialTCP(e.cluster.Members[member].Address)
}

func (e *etcdEngine) url(addresses []string) string { return etcdtest.URL("chaos", addresses...) }

func (e *etcdEngine) open(ctx context.Context) (sharedlog.Log, error) {
	log, err := etcd.Open(ctx, e.cluster.URL("chaos"))
	if err != nil {
		return nil, err
	}
	return compressed.New(log), nil
}

// committer implements engine. The client tries again as soon as a member that was off runs.
func (e *etcdEngine) committer(member int) func(context.Context) error {
	var client *clientv3.Client
	return func(ctx context.Context) (err error) {
		if client == nil {
			client, err = clientv3.New(clientv3.Config{
				Context: ctx, Endpoints: []string{e.cluster.Members[member].Address}, Logger: zap.NewNop(),
				DialOptions: []grpc.DialOption{grpc.WithConnectParams(grpc.ConnectParams{
					Backoff: backoff.Config{BaseDelay: probeInterval, Multiplier: 1, MaxDelay: probeInterval}, MinConnectTimeout: time.Second,
				})},
			})
			if err != nil {
				return err
			}
			context.AfterFunc(ctx, func() { client.Close() })
		}
		ctx, cancel := context.WithTimeout(clientv3.WithRequireLeader(ctx), time.Second)
		defer cancel()
		_, err = client.Put(ctx, "probe", "")
		return err
	}
}

func (e *etcdEngine) keepsAll() bool { return false }

// healed reports whether all members know the same leader.
func (e *etcdEngine) healed(t testing.TB) bool {
	leaders := map[uint64]bool{}
	for _, m := range e.cluster.Members {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		status, err := e.client.Status(ctx, m.Address)
		cancel()
		if err != nil || status.Leader == 0 || len(status.Errors) > 0 {
			return false
		}
		leaders[status.Leader] = true
	}
	return len(leaders) == 1
}

func (e *etcdEngine) awaitHealed(w *world) {
	w.Helper()
	if !w.await(time.Minute, func() bool { return e.healed(w) }) {
		w.Fatal("the members of etcd do not agree on a leader")
	}
}

// cutPower ends members, and discards what they have not synced.
func (e *etcdEngine) cutPower(w *world, members ...*etcdtest.Member) heal {
	for _, m := range members {
		m.Pause(w)
	}
	for _, m := range members {
		if d := e.disks[m.Name]; d != nil {
			w.must(d.fail())
		}
		m.Kill()
		if d := e.disks[m.Name]; d != nil {
			w.must(d.repair())
		}
	}
	return func() { e.start(w, members) }
}

// kill ends members.
func (e *etcdEngine) kill(w *world, members ...*etcdtest.Member) heal {
	for _, m := range members {
		m.Kill()
	}
	return func() { e.start(w, members) }
}

func (e *etcdEngine) start(w *world, members []*etcdtest.Member) {
	for _, m := range members {
		m.Start(w)
	}
	e.awaitHealed(w)
}

// some returns a member, and its number.
func (e *etcdEngine) some(w *world) (*etcdtest.Member, int) {
	number := w.chance.IntN(len(e.cluster.Members))
	return e.cluster.Members[number], number
}

// leader returns the leader.
func (e *etcdEngine) leader(w *world) *etcdtest.Member {
	e.awaitHealed(w)
	leader, _ := e.cluster.Leader(w)
	return leader
}

func (e *etcdEngine) faults() []fault {
	return []fault{
		{"kill the leader of the engine", 8, everything, func(w *world) heal {
			leader, since := e.leader(w), w.now()
			h := e.kill(w, leader)
			w.took("another leader of the engine after a kill", since, noNode)
			return h
		}},
		{"kill a member of the engine", 3, engineOnly, func(w *world) heal {
			m, _ := e.some(w)
			return e.kill(w, m)
		}},
		{"kill all members of the engine", 3, engineOnly, func(w *world) heal { return e.kill(w, e.cluster.Members...) }},
		{"cut the power of the leader of the engine", 3, engineOnly, func(w *world) heal { return e.cutPower(w, e.leader(w)) }},
		{"cut the power of all members of the engine", 3, engineOnly, func(w *world) heal { return e.cutPower(w, e.cluster.Members...) }},
		{"stop the leader of the engine", 4, engineOnly, func(w *world) heal {
			leader := e.leader(w)
			leader.Pause(w)
			return func() { leader.Resume(w); e.awaitHealed(w) }
		}},
		{"stop a majority of the engine", 2, engineOnly, func(w *world) heal {
			_, first := e.some(w)
			for i, m := range e.cluster.Members {
				if i != first {
					m.Pause(w)
				}
			}
			return func() {
				for i, m := range e.cluster.Members {
					if i != first {
						m.Resume(w)
					}
				}
				e.awaitHealed(w)
			}
		}},
		{"disturb the link of other members to a member of the engine", 4, engineOnly, func(w *world) heal {
			_, number := e.some(w)
			h := w.disturb(e.links[number : number+1])
			return func() { h(); e.awaitHealed(w) }
		}},
		{"disturb all links between members of the engine", 2, engineOnly, func(w *world) heal {
			h := w.disturb(e.links)
			return func() { h(); e.awaitHealed(w) }
		}},
		{"move the leader of the engine", 2, engineOnly, func(w *world) heal {
			e.awaitHealed(w)
			leader, follower := e.cluster.Leader(w)
			ctx, cancel := context.WithTimeout(w.Context(), 5*time.Second)
			defer cancel()
			status, err := e.client.Status(ctx, follower.Address)
			if err != nil {
				return nil
			}
			direct, err := clientv3.New(clientv3.Config{Endpoints: []string{leader.Address}})
			if err != nil {
				w.Error(err)
				return nil
			}
			defer direct.Close()
			if _, err := direct.MoveLeader(ctx, status.Header.MemberId); err != nil {
				w.note("       the leader did not move: %v", err)
			}
			return nil
		}},
	}
}
