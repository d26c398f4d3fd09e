//go:build linux

package chaos

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

// world is a run: an engine, nodes, clients and the faults that they meet.
type world struct {
	*testing.T
	seed     uint64
	chance   *rand.Rand // of the schedule of faults
	dir      string     // with the directories and outputs of the nodes
	program  string
	thinking time.Duration // average time between two calls of a client
	started  time.Time
	engine   engine
	nodes    []*node
	trace    io.Writer    // of faults
	hidden   bytes.Buffer // the trace, unless the test is verbose

	history history
	numbers numbers
	over    atomic.Bool

	members atomic.Pointer[[]*node] // the nodes that clients know
	mu      sync.Mutex
	faults  map[string]int    // number of each fault
	waits   []takeover        // to be measured
	acks    []acknowledgement // in order of time; guarded by mu

	commits  []time.Duration // at members of the engine; guarded by mu
	excluded []period        // see exclude; guarded by mu
}

// acknowledgement is an append that was accepted.
type acknowledgement struct {
	start, end time.Duration
	node       int
}

// takeover is a fault of which the time until the next acknowledged append matters.
type takeover struct {
	name   string
	since  time.Duration
	except int // a node whose acknowledgements do not count, or noNode
}

const noNode = -2

func (w *world) now() time.Duration { return time.Since(w.started) }

func (w *world) ended() bool { return w.over.Load() }

// anyNode returns a node that clients know.
func (w *world) anyNode(chance *rand.Rand) *node {
	known := *w.members.Load()
	return known[chance.IntN(len(known))]
}

// pause waits for a random time.
func (w *world) pause(least, most time.Duration) {
	time.Sleep(least + time.Duration(w.chance.Int64N(int64(most-least))))
}

// sleep waits for a time or until ctx is done.
func (w *world) sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (w *world) note(format string, args ...any) {
	fmt.Fprintf(w.trace, "%8.3f %s\n", w.now().Seconds(), fmt.Sprintf(format, args...))
}

// took records a fault of which the time until the next acknowledged append is measured.
func (w *world) took(name string, since time.Duration, except int) {
	w.waits = append(w.waits, takeover{name, since, except})
}

func (w *world) acknowledged(a *call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acks = append(w.acks, acknowledgement{a.Start, a.End, a.Nodes[len(a.Nodes)-1]})
}

// measure returns the times of takeovers by name.
func (w *world) measure() map[string][]time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	times := map[string][]time.Duration{}
	for _, t := range w.waits {
		for _, a := range w.acks { // by end
			if a.end > t.since && a.start > t.since && a.node != t.except {
				times[t.name] = append(times[t.name], a.end-t.since)
				break
			}
		}
	}
	return times
}

// describe describes times by their percentiles.
func describe(times []time.Duration) string {
	slices.Sort(times)
	at := func(percent int) time.Duration {
		return times[min(len(times)-1, len(times)*percent/100)].Round(time.Millisecond)
	}
	return fmt.Sprintf("n=%d p50=%v p99=%v max=%v", len(times), at(50), at(99), times[len(times)-1].Round(time.Millisecond))
}

// withLog calls do with the shared log, without links.
func (w *world) withLog(do func(context.Context, sharedlog.Log) error) error {
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	log, err := w.engine.open(ctx)
	if err != nil {
		return err
	}
	defer log.Close()
	return do(ctx, log)
}

// preferred returns the node that appended the last record.
func (w *world) preferred() (found *node) {
	err := w.withLog(func(ctx context.Context, log sharedlog.Log) error {
		last, err := log.Last(ctx)
		if err != nil {
			return err
		}
		records, err := log.Read(ctx, last.Index)
		if err != nil || len(records) == 0 {
			return err
		}
		envelope, _, err := sharedlog.Decode(records[0].Bytes)
		for _, n := range w.nodes {
			if strings.HasSuffix(envelope.Address, n.peers.address) {
				found = n
			}
		}
		return err
	})
	if err != nil {
		w.note("the last writer is unknown: %v", err)
	}
	if found == nil {
		return w.nodes[w.chance.IntN(len(w.nodes))]
	}
	return found
}

// keep copies the outputs of a failed run, so that they can be read afterwards.
func (w *world) keep() string {
	kept, err := os.MkdirTemp("", fmt.Sprintf("umadb-chaos-%d-", w.seed))
	if err != nil {
		return err.Error()
	}
	if err := w.history.write(filepath.Join(kept, "history.json")); err != nil {
		w.Log(err)
	}
	if err := os.WriteFile(filepath.Join(kept, "faults.log"), w.hidden.Bytes(), 0o600); err != nil {
		w.Log(err)
	}
	outputs, _ := filepath.Glob(filepath.Join(w.dir, "*.log"))
	for _, name := range outputs {
		text, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(kept, filepath.Base(name)), text, 0o600)
		}
		if err != nil {
			w.Log(err)
		}
	}
	return kept
}
