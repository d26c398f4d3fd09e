package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/vfs"
)

func TestNewStoreReadsTrimmedGroupsFromAPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, first, second := sharedEngine(t, fakelog.Options{}), vfs.NewMem(), vfs.NewMem()
		a := openPeer(t, e, first, Shared{Address: "a"})
		for range 50 {
			mustAppend(t, a, "x")
		}
		if err := e.Connect().Trim(t.Context(), 40); err != nil {
			t.Fatal(err)
		}
		b := openPeer(t, e, second, Shared{Address: "b", Peers: newTestPeers(map[string]*Store{"a": a})})
		time.Sleep(time.Second)
		if head, err := b.Head(t.Context()); head != 50 || err != nil {
			t.Fatalf("the head is %d, %v", head, err)
		}
		groups, trimmed := groupBytes(t, e, 50), groupBytes(t, e, 40)
		if m := b.SharedState(); m.AdoptedFromServers < trimmed || m.AdoptedFromServers+m.AdoptedFromLog != groups {
			t.Errorf("of %d bytes, of which %d are trimmed, the store has %d from the log and %d from a server", groups, trimmed, m.AdoptedFromLog, m.AdoptedFromServers)
		}
		if position := mustAppend(t, b, "y"); position != 51 {
			t.Errorf("the next append is at %d", position)
		}
		if _, err := a.Head(t.Context()); err != nil {
			t.Error(err)
		}
		wantSameLog(t, first, second)
	})
}

func TestNewStoreReadsTheGroupsBeforeTheOriginFromAPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, e := originOf(t)
		a := openPeer(t, e, first, Shared{Address: "a"})
		mustAppend(t, a, "x")
		second := vfs.NewMem()
		b := openPeer(t, e, second, Shared{Address: "b", Peers: newTestPeers(map[string]*Store{"a": a})})
		time.Sleep(time.Second)
		if head, err := b.Head(t.Context()); head != 61 || err != nil {
			t.Fatalf("the head is %d, %v", head, err)
		}
		mustAppend(t, b, "y")
		if _, err := a.Head(t.Context()); err != nil {
			t.Error(err)
		}
		wantSameLog(t, first, second)
		// Its tracking and its index are those of the peer.
		for name, s := range map[string]*Store{"a": a, "b": b} {
			events, _, err := s.Read(t.Context(), tagged("x"), dcb.ReadOptions{}).Collect()
			if err != nil || len(events) != 61 {
				t.Errorf("store %s finds %d events, %v", name, len(events), err)
			}
		}
	})
}

// A store that no peer can complete says so, and continues when one can.
func TestStoreWaitsForAPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, e := originOf(t)
		peers := newTestPeers(nil)
		b := openPeer(t, e, vfs.NewMem(), Shared{Address: "b", Peers: peers})
		refused := func(want string) {
			t.Helper()
			_, appendErr := b.Append(t.Context(), alternating(1, "x"), nil, nil)
			_, readErr := b.Head(t.Context())
			for what, err := range map[string]error{"an append": appendErr, "a fresh read": readErr} {
				if err == nil || errors.Is(err, dcb.ErrTransport) || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %v, want %q", what, err, want)
				}
			}
		}
		time.Sleep(5 * time.Second)
		refused("no other server with an address has reported")
		a := openPeer(t, e, first, Shared{Address: "a"})
		time.Sleep(5 * time.Second)
		refused("no connection")
		peers.set("a", func() *Store { return a })
		time.Sleep(5 * time.Second)
		if head, err := b.Head(t.Context()); head != 60 || err != nil {
			t.Fatalf("the head is %d, %v", head, err)
		}
		mustAppend(t, b, "x")
	})
}

// A server that does not have the end of the shared log is not asked for its groups, even if it
// is of the same store: it may have another history.
func TestStoreReadsOnlyFromPeersWithTheEndOfTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, other := sharedEngine(t, fakelog.Options{}), sharedEngine(t, fakelog.Options{})
		a, forked := openPeer(t, e, vfs.NewMem(), Shared{Address: "a"}), openPeer(t, other, vfs.NewMem(), Shared{})
		for range 10 {
			mustAppend(t, a, "x")
			mustAppend(t, forked, "y")
		}
		for range 10 {
			mustAppend(t, forked, "y")
		}
		if err := e.Connect().Trim(t.Context(), 5); err != nil {
			t.Fatal(err)
		}
		peers := newTestPeers(map[string]*Store{"a": forked})
		b := openPeer(t, e, vfs.NewMem(), Shared{Peers: peers})
		time.Sleep(5 * time.Second)
		if _, err := b.Head(t.Context()); err == nil || !strings.Contains(err.Error(), "does not have the end of the shared log") {
			t.Errorf("a fresh read: %v", err)
		}
		if head := b.published.Load().head; head != 0 {
			t.Errorf("the store has the head %d", head)
		}
		peers.set("a", func() *Store { return a })
		time.Sleep(5 * time.Second)
		if head, err := b.Head(t.Context()); head != 10 || err != nil {
			t.Errorf("afterwards, the head is %d, %v", head, err)
		}
	})
}

// An address that leads to one server after the other, as that of a load balancer, does not mix
// their histories.
func TestStoreReadsFromThePeerThatHasTheEndOfTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, other := sharedEngine(t, fakelog.Options{}), sharedEngine(t, fakelog.Options{})
		a, forked := openPeer(t, e, vfs.NewMem(), Shared{Address: "a"}), openPeer(t, other, vfs.NewMem(), Shared{})
		for range 10 {
			mustAppend(t, a, "x")
			mustAppend(t, forked, "y")
		}
		if err := e.Connect().Trim(t.Context(), 5); err != nil {
			t.Fatal(err)
		}
		peers, n := newTestPeers(nil), 0
		peers.set("a", func() *Store {
			n++
			return []*Store{forked, a}[n%2]
		})
		b := openPeer(t, e, vfs.NewMem(), Shared{Peers: peers})
		time.Sleep(5 * time.Second)
		if head, err := b.Head(t.Context()); head != 10 || err != nil {
			t.Errorf("the head is %d, %v", head, err)
		}
	})
}

func TestStoreReadsFromAnotherPeerAfterAFailure(t *testing.T) {
	for name, broken := range map[string]brokenPeers{
		"the connection breaks at once":  {sends: 0},
		"the connection breaks later":    {sends: 7},
		"the first group is wrong":       {sends: 0, wrong: true},
		"a group in the middle is wrong": {sends: 7, wrong: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, first, second := sharedEngine(t, fakelog.Options{}), vfs.NewMem(), vfs.NewMem()
				bad := openPeer(t, e, vfs.NewMem(), Shared{Address: "broken"})
				a := openPeer(t, e, first, Shared{Address: "a"})
				for range 50 {
					mustAppend(t, bad, "x")
				}
				if _, err := a.Head(t.Context()); err != nil {
					t.Fatal(err)
				}
				if err := e.Connect().Trim(t.Context(), 40); err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Second) // both have reported
				broken.testPeers = newTestPeers(map[string]*Store{"a": a, "broken": bad})
				b := openPeer(t, e, second, Shared{Peers: &broken})
				time.Sleep(20 * time.Second)
				if head, err := b.Head(t.Context()); head != 50 || err != nil {
					t.Fatalf("the head is %d, %v", head, err)
				}
				wantSameLog(t, first, second)
			})
		})
	}
}

// A power cut loses groups that were not synced, from the middle of a segment: a store that has
// not all groups from before the shared log cuts them, and reads them again.
func TestStoreThatReadsFromAPeerSurvivesAPowerCut(t *testing.T) {
	for seed := range uint64(50) {
		synctest.Test(t, func(t *testing.T) {
			first, e := originOf(t)
			a := openPeer(t, e, first, Shared{Address: "a"})
			second, chance := vfs.NewMem(), rand.New(rand.NewPCG(seed, 0))
			for range 3 {
				time.Sleep(5 * time.Second) // a has reported
				peers := &brokenPeers{testPeers: newTestPeers(map[string]*Store{"broken": a}), sends: 1 + chance.IntN(10)}
				peers.set("a", func() *Store { return a })
				log := e.Connect()
				b, err := OpenShared(t.Context(), "/store", peerOptions(second), Shared{Log: log, Peers: &firstBroken{peers}})
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				time.Sleep(time.Duration(chance.IntN(300)) * time.Millisecond)
				second = second.Crash(chance)
				_ = b.Close()
				log.Close()
			}
			b := openPeer(t, e, second, Shared{Peers: newTestPeers(map[string]*Store{"a": a})})
			time.Sleep(5 * time.Second)
			if head, err := b.Head(t.Context()); head != 60 || err != nil {
				t.Fatalf("seed %d: the head is %d, %v", seed, head, err)
			}
			wantSameLog(t, first, second)
		})
	}
}

// A directory with another history than the shared log halts, whatever its peers have.
func TestStoreWithAnotherHistoryDoesNotReadFromPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, other, disk := sharedEngine(t, fakelog.Options{}), sharedEngine(t, fakelog.Options{}), vfs.NewMem()
		a := openPeer(t, e, vfs.NewMem(), Shared{Address: "a"})
		forked := openPeer(t, other, disk, Shared{})
		mustAppend(t, forked, "y")
		for range 10 {
			mustAppend(t, a, "x")
		}
		if err := forked.Close(); err != nil {
			t.Fatal(err)
		}
		if err := e.Connect().Trim(t.Context(), 5); err != nil {
			t.Fatal(err)
		}
		b := openPeer(t, e, disk, Shared{Peers: newTestPeers(map[string]*Store{"a": a})})
		time.Sleep(20 * time.Second)
		if _, err := b.Head(t.Context()); !errors.Is(err, dcb.ErrCorruption) || !strings.Contains(err.Error(), "has another group 1") {
			t.Errorf("a fresh read: %v", err)
		}
	})
}

// Of several peers, the one with the most groups is asked first; the store itself never.
func TestPeersAreAskedInTheOrderOfTheirGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sharedEngine(t, fakelog.Options{})
		log := e.Connect()
		peers := newTestPeers(nil)
		for i, r := range []sharedlog.Replica{{Address: "little", Applied: 3}, {Address: "most", Applied: 9}, {Applied: 99}, {Address: "own", Applied: 99}, {Address: "some", Applied: 5}} {
			r.ID = sharedlog.ID{byte(i)}
			if err := log.Report(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		s := openPeer(t, e, vfs.NewMem(), Shared{Address: "own", Peers: peers})
		f := &follower{store: s, shared: s.shared}
		err := f.readFromPeers()
		if _, ok := errors.AsType[*peersError](err); !ok || !strings.Contains(err.Error(), "little") {
			t.Errorf("the error is %v", err)
		}
		if got := fmt.Sprint(peers.asked); got != "[most some little]" {
			t.Errorf("asked %s", got)
		}
	})
}

// The groups of a replica can be read while the shared log is down, and after one that it does not
// have yet.
func TestGroupsOfAReplicaDoNotNeedTheSharedLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sharedEngine(t, fakelog.Options{})
		a, log := openPeer(t, e, vfs.NewMem(), Shared{}), e.Connect()
		late, err := OpenShared(t.Context(), "/store", peerOptions(vfs.NewMem()), Shared{Log: log})
		if err != nil {
			t.Fatal(err)
		}
		defer late.Close()
		log.SetDown(true)
		mustAppend(t, a, "x")
		e.SetDown(true)
		groups := func(s *Store, after eventlog.GroupID) (n int, err error) {
			for _, err := range s.Groups(t.Context(), after, false) {
				if err != nil {
					return n, err
				}
				n++
			}
			return n, nil
		}
		if n, err := groups(a, eventlog.GroupID{}); n != 1 || err != nil {
			t.Errorf("%d groups, %v", n, err)
		}
		after := a.published.Load().end.Tail.ID()
		if _, err := groups(late, after); !errors.Is(err, dcb.ErrTransport) || !strings.Contains(err.Error(), "has 0 groups after 10s") {
			t.Errorf("after a group that the store does not have: %v", err)
		}
		time.AfterFunc(5*time.Second, func() { e.SetDown(false); log.SetDown(false) })
		if n, err := groups(late, after); n != 0 || err != nil {
			t.Errorf("after a group that the store has later: %d groups, %v", n, err)
		}
		if _, err := groups(late, eventlog.GroupID{Index: 1}); !errors.Is(err, dcb.ErrIntegrity) {
			t.Errorf("after another group: %v", err)
		}
	})
}

// pausedPeer sends nothing after its first group for some time.
type pausedPeer struct {
	Peer
	paused chan struct{} // closed to continue
}

func (p *pausedPeer) Groups(ctx context.Context, after eventlog.GroupID) iter.Seq2[eventlog.Group, error] {
	return func(yield func(eventlog.Group, error) bool) {
		for g, err := range p.Peer.Groups(ctx, after) {
			if !yield(g, err) {
				return
			}
			<-p.paused
		}
	}
}

// pausedPeers are servers that are paused.
type pausedPeers struct {
	*testPeers
	paused chan struct{}
}

func (p *pausedPeers) Open(ctx context.Context, address string) (Peer, error) {
	opened, err := p.testPeers.Open(ctx, address)
	return &pausedPeer{opened, p.paused}, err
}

// While a store reads from another server, its state is that of joining.
func TestStoreJoinsWhileAPeerSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, e := originOf(t)
		a := openPeer(t, e, first, Shared{Address: "a"})
		peers := &pausedPeers{newTestPeers(map[string]*Store{"a": a}), make(chan struct{})}
		b := openPeer(t, e, vfs.NewMem(), Shared{Peers: peers})
		time.Sleep(peerStall / 2)
		if m := b.SharedState(); m.HaltReason != HaltJoining || !strings.Contains(m.Halt.Error(), "from the server a") {
			t.Errorf("halt %q: %v", m.HaltReason, m.Halt)
		}
		close(peers.paused)
		time.Sleep(time.Second)
		if m := b.SharedState(); m.Halt != nil || m.Applied != m.End || m.Applied == 0 {
			t.Errorf("afterwards: %+v", m)
		}
	})
}
