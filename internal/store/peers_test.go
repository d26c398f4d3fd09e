package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// testPeers are servers by address.
type testPeers struct {
	mu    sync.Mutex
	peers map[string]func() *Store // nil results are servers that cannot be reached
	asked []string
}

func newTestPeers(peers map[string]*Store) *testPeers {
	p := &testPeers{peers: map[string]func() *Store{}}
	for address, s := range peers {
		p.set(address, func() *Store { return s })
	}
	return p
}

func (p *testPeers) set(address string, s func() *Store) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.peers[address] = s
}

func (p *testPeers) Open(_ context.Context, address string) (Peer, error) {
	p.mu.Lock()
	find := p.peers[address]
	p.asked = append(p.asked, address)
	p.mu.Unlock()
	if find != nil {
		if s := find(); s != nil {
			return &testPeer{Store: s}, nil
		}
	}
	return nil, &dcb.Error{Kind: dcb.ErrTransport, Detail: "no connection"}
}

// testPeer is a server that sends some groups of a store, and then an error or a wrong group, if
// broken is not nil.
type testPeer struct {
	*Store
	broken *brokenPeers
}

func (p *testPeer) Groups(ctx context.Context, after eventlog.GroupID) iter.Seq2[eventlog.Group, error] {
	return func(yield func(eventlog.Group, error) bool) {
		n := 0
		for g, err := range p.Store.Groups(ctx, after, false) {
			if n++; err == nil && p.broken != nil && n > p.broken.sends {
				if !p.broken.wrong {
					yield(eventlog.Group{}, &dcb.Error{Kind: dcb.ErrTransport, Detail: "the connection broke"})
					return
				}
				g.Payload = bytes.Clone(g.Payload)
				g.Payload[0]++
			}
			if !yield(g, err) {
				return
			}
		}
	}
}

func (p *testPeer) Close() error { return nil }

// peerOptions has segments of a few groups.
func peerOptions(disk vfs.FS) *Options {
	return &Options{FS: disk, SegmentBytes: 2_000, BlockEvents: 10}
}

func openPeer(t *testing.T, e *fakelog.Engine, disk vfs.FS, config Shared) *Store {
	t.Helper()
	config.Log = e.Connect()
	s, err := OpenShared(t.Context(), "/store", peerOptions(disk), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(); config.Log.Close() })
	return s
}

// wantSameLog compares the segments of two stores byte for byte, but for what is preallocated.
func wantSameLog(t *testing.T, disks ...*vfs.Mem) {
	t.Helper()
	var want map[string][]byte
	for i, disk := range disks {
		dir, err := disk.OpenDir("/store/log")
		if err != nil {
			t.Fatal(err)
		}
		names, err := dir.List()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string][]byte{}
		for _, name := range names {
			if !strings.HasSuffix(name, ".log") {
				continue
			}
			f, err := dir.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			size, err := f.Size()
			b := make([]byte, size)
			if err == nil && size > 0 {
				_, err = f.ReadAt(b, 0)
			}
			if err != nil {
				t.Fatal(err)
			}
			got[name] = bytes.TrimRight(b, "\x00")
		}
		if i == 0 {
			want = got
			continue
		}
		if len(got) < 3 || len(got) != len(want) {
			t.Errorf("store %d has %d segments, and the first one %d", i+1, len(got), len(want))
		}
		for name := range want {
			if !bytes.Equal(got[name], want[name]) {
				t.Errorf("store %d has another segment %s", i+1, name)
			}
		}
	}
}

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
		if position := mustAppend(t, b, "y"); position != 51 {
			t.Errorf("the next append is at %d", position)
		}
		if _, err := a.Head(t.Context()); err != nil {
			t.Error(err)
		}
		wantSameLog(t, first, second)
	})
}

// originOf returns a disk with a store of its own that was opened twice, and an engine whose log
// starts after it.
func originOf(t *testing.T) (*vfs.Mem, *fakelog.Engine) {
	t.Helper()
	disk := vfs.NewMem()
	for range 2 {
		s, err := Open("/store", peerOptions(disk))
		if err != nil {
			t.Fatal(err)
		}
		for range 30 {
			mustAppend(t, s, "x")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	id, end, err := SharedOrigin("/store", peerOptions(disk))
	if err != nil {
		t.Fatal(err)
	}
	e := fakelog.New(fakelog.Options{})
	if _, err := e.Connect().Create(t.Context(), sharedlog.Origin{Log: sharedlog.ID{1}, Store: id, Point: end}); err != nil {
		t.Fatal(err)
	}
	return disk, e
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

// brokenPeers are servers of which the one with the address "broken" sends some groups, and then an
// error or a wrong group.
type brokenPeers struct {
	*testPeers
	sends int
	wrong bool
}

func (p *brokenPeers) Open(ctx context.Context, address string) (Peer, error) {
	opened, err := p.testPeers.Open(ctx, address)
	if err == nil && address == "broken" {
		opened.(*testPeer).broken = p
	}
	return opened, err
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

// firstBroken sends from a server as if it was the broken one.
type firstBroken struct{ *brokenPeers }

func (p *firstBroken) Open(ctx context.Context, _ string) (Peer, error) {
	return p.brokenPeers.Open(ctx, "broken")
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
