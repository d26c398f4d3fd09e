package etcd_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/etcd"
	"github.com/umadb-go/umadb/internal/sharedlog/etcd/etcdtest"
	"github.com/umadb-go/umadb/internal/sharedlog/logtest"
)

// dial returns a function that connects to a log.
func dial(url string) logtest.Dial {
	return func(ctx context.Context) (sharedlog.Log, error) { return etcd.Open(ctx, url) }
}

// open opens a log, which is closed at the end of the test.
func open(t *testing.T, url string) *etcd.Log {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	log, err := etcd.Open(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return log
}

// Nothing that was acknowledged or read is lost, and proposers continue while a majority of the
// members runs.
func TestFaultsOfMembers(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, 3)
	leader := func(t *testing.T) *etcdtest.Member { m, _ := cluster.Leader(t); return m }
	follower := func(t *testing.T) *etcdtest.Member { _, m := cluster.Leader(t); return m }
	for name, member := range map[string]func(*testing.T) *etcdtest.Member{"leader": leader, "follower": follower} {
		t.Run("the "+name+" is killed", func(t *testing.T) {
			p := logtest.StartProposers(t, dial(cluster.URL("killed-"+name)), 3)
			p.AwaitMore(t, 100)
			m := member(t)
			m.Kill()
			p.AwaitMore(t, 100)
			m.Start(t)
			p.AwaitMore(t, 100)
			p.Check(t)
			cluster.AwaitReady(t)
		})
		t.Run("the "+name+" is paused", func(t *testing.T) {
			p := logtest.StartProposers(t, dial(cluster.URL("paused-"+name)), 3)
			p.AwaitMore(t, 100)
			m := member(t)
			m.Pause(t)
			p.AwaitMore(t, 20) // slowly: a third of the requests is sent to the member
			m.Resume(t)
			p.AwaitMore(t, 100)
			p.Check(t)
		})
	}
	t.Run("all are killed at once", func(t *testing.T) {
		p := logtest.StartProposers(t, dial(cluster.URL("all")), 3)
		for range 3 {
			p.AwaitMore(t, 50)
			for _, m := range cluster.Members {
				m.Kill()
			}
			for _, m := range cluster.Members {
				m.Start(t)
			}
		}
		p.AwaitMore(t, 50)
		p.Check(t)
	})
}

// Requests and answers that are held back arrive when their clients have given up and perhaps
// proposed again.
func TestFaultsOfConnections(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, 3)
	proxies := cluster.Proxies(t)
	var addresses []string
	for _, proxy := range proxies {
		addresses = append(addresses, proxy.Address)
	}
	p := logtest.StartProposers(t, dial(etcdtest.URL("log", addresses...)), 3)
	direct := open(t, cluster.URL("log"))
	for round, gate := range []func(*etcdtest.Proxy) *etcdtest.Gate{
		func(p *etcdtest.Proxy) *etcdtest.Gate { return &p.Requests },
		func(p *etcdtest.Proxy) *etcdtest.Gate { return &p.Answers },
	} {
		p.AwaitMore(t, 50)
		for _, proxy := range proxies {
			gate(proxy).Shut()
		}
		time.Sleep(3 * time.Second) // requests of the proposers expire
		overtake(t, direct, fmt.Sprintf("round %d", round))
		for _, proxy := range proxies {
			gate(proxy).Open()
		}
		p.AwaitMore(t, 50)
	}
	for _, proxy := range proxies[1:] { // one connection remains
		proxy.Requests.Shut()
	}
	p.AwaitMore(t, 50)
	p.Check(t)
}

// overtake appends a record in place of those whose proposers are cut off.
func overtake(t *testing.T, log *etcd.Log, record string) {
	t.Helper()
	last, err := log.Last(t.Context())
	if err == nil {
		err = log.Append(t.Context(), last, 0x6f_72_64_20_20_20_20_20, []byte("     dro"+record))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A member that was not reachable at first is used when it is.
func TestMemberThatStartsLater(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, 3)
	late, other := cluster.Members[0], cluster.Members[1]
	late.Kill()
	log := open(t, etcdtest.URL("log", late.Address, other.Address))
	if warnings := log.Warnings(); len(warnings) != 1 {
		t.Errorf("the warnings are %q, want one of the member that does not answer", warnings)
	}
	if _, err := log.Create(t.Context(), sharedlog.Origin{}); err != nil {
		t.Fatal(err)
	}
	late.Start(t)
	cluster.AwaitReady(t)
	for end := time.Now().Add(30 * time.Second); len(log.Warnings()) > 0; {
		if _, err := log.Space(t.Context()); err != nil || time.Now().After(end) {
			t.Fatal(log.Warnings(), err)
		}
	}
	other.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := log.Last(ctx); err != nil {
		t.Errorf("with the first member only: %v", err)
	}
}

// After a long outage, members are used soon after they run again.
func TestMembersAreUsedSoonAfterALongOutage(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, 3)
	log := open(t, cluster.URL("log"))
	if _, err := log.Create(t.Context(), sharedlog.Origin{}); err != nil {
		t.Fatal(err)
	}
	for _, m := range cluster.Members {
		m.Kill()
	}
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); { // as stores do
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if _, err := log.Last(ctx); err == nil {
			t.Error("etcd answers without its members")
		}
		cancel()
		time.Sleep(50 * time.Millisecond)
	}
	for _, m := range cluster.Members {
		m.Start(t)
	}
	cluster.AwaitReady(t)
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
	defer cancel()
	for {
		_, err := log.Last(ctx)
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("8 s after etcd could answer: %v", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// A follower passes an append to the leader, and does not notice at once that this is gone.
func TestAppendWithoutLeaderEndsSoon(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, 3)
	leader, follower := cluster.Leader(t)
	log := open(t, etcdtest.URL("log", follower.Address))
	if _, err := log.Create(t.Context(), sharedlog.Origin{}); err != nil {
		t.Fatal(err)
	}
	leader.Kill()
	since := time.Now()
	err := log.Append(t.Context(), sharedlog.Point{}, 1, []byte("record"))
	if took := time.Since(since); took > 5*time.Second { // a follower waits for 7 s
		t.Errorf("the append ended after %v, with %v", took, err)
	}
}
