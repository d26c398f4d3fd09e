package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// node is a store that crashes and restarts.
type node struct {
	run    *sharedRun
	number int
	chance *rand.Rand // of the goroutine that restarts nodes

	mu     sync.Mutex
	store  *Store // nil while it is down
	disk   *vfs.Mem
	client *fakelog.Client
	full   atomic.Bool  // there is no space on the disk
	broken atomic.Int64 // number of changes of the log until one fails
}

func (n *node) running() *Store {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.store
}

// start opens the store, as often as it takes.
func (n *node) start() {
	options := &Options{
		FS: vfs.Observe(n.disk, func(op vfs.Op) error {
			if n.full.Load() && (op.Kind == "allocate" || op.Kind == "create") {
				return syscall.ENOSPC
			}
			if (op.Kind == "write" || op.Kind == "sync") && strings.HasPrefix(op.Name, "/store/log") && n.broken.Add(-1) == 0 {
				return syscall.EIO
			}
			return nil
		}),
		SegmentBytes: 6_000 + int64(n.run.seed%3)*30_000,
		BlockEvents:  20 + int(n.run.seed%50),
		Logger:       slog.New(slog.NewTextHandler(sharedLogOutput, nil)).With("node", n.number),
	}
	for {
		client := n.run.engine.Connect()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		config := Shared{Log: client, Address: fmt.Sprint(n.number), Peers: n.run.peers}
		if n.run.storesTrim() {
			config.Log, config.trim = &limitedLog{Log: client}, trimRule{interval: 2 * time.Second, age: 2 * time.Second}
		}
		s, err := OpenShared(ctx, "/store", options, config)
		cancel()
		if err == nil {
			n.mu.Lock()
			n.store, n.client = s, client
			n.run.opens++
			n.mu.Unlock()
			return
		}
		if !errors.Is(err, dcb.ErrTransport) && !errors.Is(err, syscall.ENOSPC) {
			n.run.Errorf("opening node %d: %v", n.number, err)
			return
		}
		client.Close()
		time.Sleep(500 * time.Millisecond)
	}
}

// take makes the node stop serving, and returns its store.
func (n *node) take() (*Store, *fakelog.Client) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s, c := n.store, n.client
	n.store, n.client = nil, nil
	return s, c
}

// disturb does something to the node and ends when it runs again.
func (n *node) disturb() {
	pause := func(most time.Duration) { time.Sleep(time.Duration(n.chance.Int64N(int64(most)))) }
	switch n.chance.IntN(7) {
	case 0: // the power is cut
		s, client := n.take()
		n.disk = n.disk.Crash(n.chance)
		n.run.closing.Go(func() { _ = s.Close(); client.Close() }) // as if what is in flight arrived late
		pause(3 * time.Second)
		n.start()
	case 1: // a clean restart
		s, client := n.take()
		if err := s.Close(); err != nil && s.failureError() == nil {
			n.run.Errorf("closing node %d: %v", n.number, err)
		}
		client.Close()
		n.start()
	case 2: // the disk is replaced, unless it is the last one with a group
		if n.run.storesTrim() || !slices.ContainsFunc(n.run.nodes, func(other *node) bool { return other != n && other.durable() >= n.run.trimmed }) {
			return
		}
		s, client := n.take()
		_ = s.Close()
		client.Close()
		n.disk = vfs.NewMem()
		n.start()
	case 3:
		client := n.client
		client.SetDown(true)
		pause(8 * time.Second)
		client.SetDown(false)
	case 4:
		n.full.Store(true)
		pause(5 * time.Second)
		n.full.Store(false)
	case 5: // a write or a sync fails
		n.broken.Store(1 + n.chance.Int64N(10))
		pause(5 * time.Second)
		n.broken.Store(0)
		s, client := n.take()
		_ = s.Close()
		client.Close()
		n.start()
	case 6:
		n.run.engine.SetDown(true)
		pause(4 * time.Second)
		n.run.engine.SetDown(false)
	}
}
