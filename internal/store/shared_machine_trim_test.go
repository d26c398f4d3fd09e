package store

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

// durable returns the last group that a crash of the node cannot lose.
func (n *node) durable() uint64 { return n.running().logWriter.Durable().Index }

// trim removes the groups from the shared log that two nodes have.
func (r *sharedRun) trim(chance *rand.Rand) {
	var durable []uint64
	for _, n := range r.nodes {
		durable = append(durable, n.durable())
	}
	slices.Sort(durable)
	through := durable[len(durable)-2]
	r.trimmed = max(r.trimmed, through-min(through, uint64(chance.IntN(8))))
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = r.engine.Connect().Trim(ctx, r.trimmed)
}

// storesTrim reports whether the stores trim the shared log.
func (r *sharedRun) storesTrim() bool { return r.seed%3 == 2 }

// catchUp waits until the node has all groups: a trim may arrive late, so that it reads from another
// node.
func (n *node) catchUp() error {
	for since := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		if _, err := n.running().Head(context.Background()); err == nil || time.Since(since) > n.run.patience() {
			return err
		}
	}
}

// patience is how long after the faults a node may need until it works. To read from other nodes, it
// needs their reports, which are rare for a while after one has failed.
func (r *sharedRun) patience() time.Duration {
	if r.trimmed > 0 || r.storesTrim() {
		return 3 * sharedlog.ReportTTL
	}
	return 10 * time.Second
}
