package store

import (
	"bytes"
	"context"
	"iter"
	"strings"
	"sync"
	"testing"

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

// firstBroken sends from a server as if it was the broken one.
type firstBroken struct{ *brokenPeers }

func (p *firstBroken) Open(ctx context.Context, _ string) (Peer, error) {
	return p.brokenPeers.Open(ctx, "broken")
}
