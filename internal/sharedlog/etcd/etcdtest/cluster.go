package etcdtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/umadb-go/umadb/internal/servertest"
)

// startTimeout is how long a cluster may take to answer after its members are started.
const startTimeout = 60 * time.Second

// Cluster is the members of a cluster.
type Cluster struct {
	Members []*Member
}

// Options configure a cluster.
type Options struct {
	// Members is their number.
	Members int
	// Args are added to the options of each member.
	Args []string
	// Route returns the address at which other members reach a member that listens at an
	// address. The default is that address.
	Route func(address string) string
	// Mount is called with the directory of each member, before anything is in it.
	Mount func(member, dir string)
}

// Start starts a cluster. args are added to the options of each member. If the server cannot be
// built, the test is skipped; in continuous integration on Linux it fails. The members end with
// the test.
func Start(t testing.TB, members int, args ...string) *Cluster {
	t.Helper()
	return StartWith(t, Options{Members: members, Args: args})
}

// StartWith is Start with further options.
func StartWith(t testing.TB, options Options) *Cluster {
	t.Helper()
	program, err := build()
	if err != nil {
		if os.Getenv("CI") != "" && runtime.GOOS == "linux" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	c := &Cluster{}
	var initial []string
	for i := range options.Members {
		m := &Member{
			Name: fmt.Sprintf("member%d", i), Address: servertest.Address(t),
			program: program, dir: t.TempDir(), peer: servertest.Address(t),
		}
		if m.route = m.peer; options.Route != nil {
			m.route = options.Route(m.peer)
		}
		if options.Mount != nil {
			options.Mount(m.Name, m.dir)
		}
		c.Members = append(c.Members, m)
		initial = append(initial, m.Name+"=http://"+m.route)
	}
	t.Cleanup(func() {
		for _, m := range c.Members {
			m.end()
		}
	})
	for _, m := range c.Members {
		m.args = append([]string{
			"--name", m.Name, "--data-dir", filepath.Join(m.dir, "data"), "--log-level", "error",
			"--listen-client-urls", "http://" + m.Address, "--advertise-client-urls", "http://" + m.Address,
			"--listen-peer-urls", "http://" + m.peer, "--initial-advertise-peer-urls", "http://" + m.route,
			"--initial-cluster", strings.Join(initial, ","),
		}, options.Args...)
		m.Start(t)
	}
	c.AwaitReady(t)
	return c
}

// URL returns the address of a log with a prefix.
func (c *Cluster) URL(prefix string) string { return URL(prefix, c.addresses()...) }

// URL returns the address of a log with a prefix, at the addresses of members or proxies.
func URL(prefix string, addresses ...string) string {
	return "etcd://" + strings.Join(addresses, ",") + "/" + prefix
}

func (c *Cluster) addresses() (addresses []string) {
	for _, m := range c.Members {
		addresses = append(addresses, m.Address)
	}
	return addresses
}

// Client returns a client of all members, which is closed at the end of the test.
func (c *Cluster) Client(t testing.TB) *clientv3.Client {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: c.addresses(), Logger: zap.NewNop(), DialTimeout: startTimeout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// AwaitReady waits until the cluster answers.
func (c *Cluster) AwaitReady(t testing.TB) {
	t.Helper()
	client := c.Client(t)
	for end := time.Now().Add(startTimeout); ; {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, err := client.Get(ctx, "ready")
		cancel()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the etcd cluster does not answer after %v: %v; the members have printed %s", startTimeout, err, c.outputs())
		}
	}
}

func (c *Cluster) outputs() string {
	var all strings.Builder
	for _, m := range c.Members {
		if m.process != nil {
			fmt.Fprintf(&all, "\n%s: %s", m.Name, m.process.Output)
		}
	}
	return all.String()
}

// Leader returns the leader, and another member.
func (c *Cluster) Leader(t testing.TB) (leader, follower *Member) {
	t.Helper()
	client := c.Client(t)
	for end := time.Now().Add(startTimeout); time.Now().Before(end); {
		for i, m := range c.Members {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			status, err := client.Status(ctx, m.Address)
			cancel()
			if err == nil && status.Header.MemberId == status.Leader {
				return m, c.Members[(i+1)%len(c.Members)]
			}
		}
	}
	t.Fatal("no member is the leader")
	return nil, nil
}
