package store

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/vfs"
)

var (
	sharedSeeds     = flag.Uint64("shared-seeds", 40, "number of runs of TestStoresShareALog")
	sharedFirstSeed = flag.Uint64("shared-first-seed", 0, "seed of the first run of TestStoresShareALog")
)

// Whatever the shared log and the disks do, each caller gets one true result, an acknowledged
// event stays at its position, and all stores have the same groups.
func TestStoresShareALog(t *testing.T) {
	var failed atomic.Bool
	lanes := uint64(runtime.GOMAXPROCS(0)) // a run keeps about one processor busy
	for lane := range lanes {
		t.Run(fmt.Sprint(lane), func(t *testing.T) {
			t.Parallel()
			defer func() { failed.CompareAndSwap(false, t.Failed()) }()
			for seed := *sharedFirstSeed + lane; seed < *sharedFirstSeed+*sharedSeeds && !t.Failed() && !failed.Load(); seed += lanes {
				synctest.Test(t, func(t *testing.T) { runShared(t, seed) })
			}
		})
	}
}

// sharedRun is several stores with one shared log, in virtual time.
type sharedRun struct {
	*testing.T
	seed   uint64
	engine *fakelog.Engine
	nodes  []*node
	peers  *testPeers
	over   chan struct{} // closed to end the callers
	// closing are the stores whose power was cut.
	closing sync.WaitGroup
	// trimmed is the last group that may be missing in the shared log. The goroutine that
	// disturbs nodes uses it.
	trimmed uint64
	acked   [hostileTags]atomic.Uint64 // the highest position with each tag that was acknowledged

	mu       sync.Mutex
	attempts []attempt       // guarded by mu
	maybe    map[string]bool // the attempts with an unknown outcome, by id; guarded by mu
	opens    int
	tags     map[string][]uint64 // positions of each tag that a subscription has delivered
}

func runShared(t *testing.T, seed uint64) {
	chance := rand.New(rand.NewPCG(seed, 0))
	adversary := fakelog.Hostile(seed)
	if seed%4 == 0 { // only delays
		adversary = fakelog.Adversary{Seed: seed}
	}
	adversary.Delay = []time.Duration{5 * time.Millisecond, 100 * time.Millisecond, time.Second}[seed/4%3]
	adversary.SlowLast = time.Duration(chance.IntN(3)) * time.Second
	r := &sharedRun{T: t, seed: seed, engine: fakelog.New(fakelog.Options{}), over: make(chan struct{}), tags: map[string][]uint64{}, maybe: map[string]bool{}}
	r.peers = newTestPeers(nil)
	origin := sharedlog.Origin{Log: sharedlog.ID{1, byte(seed)}, Store: sharedlog.ID{2, byte(seed)}}
	if _, err := r.engine.Connect().Create(t.Context(), origin); err != nil {
		t.Fatal(err)
	}
	r.engine.Attack(adversary)
	for i := range 3 + int(seed%3) {
		n := &node{run: r, number: i, disk: vfs.NewMem(), chance: rand.New(rand.NewPCG(seed, uint64(i+1000)))}
		n.start()
		r.nodes = append(r.nodes, n)
		r.peers.set(fmt.Sprint(i), n.running)
	}
	if t.Failed() {
		return
	}
	var calls sync.WaitGroup
	for caller := range 8 {
		calls.Go(func() { r.call(caller) })
	}
	for reader := range 2 {
		calls.Go(func() { r.read(rand.New(rand.NewPCG(seed, uint64(reader+200)))) })
	}
	for tag := range hostileTags {
		calls.Go(func() { r.follow(fmt.Sprint(tag), rand.New(rand.NewPCG(seed, uint64(tag+100)))) })
	}
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until) && !t.Failed(); {
		time.Sleep(time.Duration(chance.IntN(2000)) * time.Millisecond)
		if seed%3 == 1 {
			r.trim(chance)
		}
		r.nodes[chance.IntN(len(r.nodes))].disturb()
	}
	r.engine.Heal()
	r.recover()
	close(r.over)
	calls.Wait()
	r.check()
	for _, n := range r.nodes {
		s, client := n.take()
		if err := s.Close(); err != nil {
			t.Errorf("closing node %d: %v", n.number, err)
		}
		client.Close()
		report, err := Check(context.Background(), "/store", &CheckOptions{Options: Options{FS: n.disk}})
		if err != nil || len(report.Problems) > 0 {
			t.Errorf("node %d: the check finds %+v, %v", n.number, report, err)
		}
	}
	r.closing.Wait()
	if t.Failed() {
		t.Fatalf("seed %d", seed)
	}
}

// recover checks that each store accepts appends soon after the faults have ended.
func (r *sharedRun) recover() {
	for _, n := range r.nodes {
		since := time.Now()
		for i := 0; ; i++ {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			a := attempt{id: fmt.Sprintf("after-%d-%d", n.number, i), events: []dcb.Event{{Type: "t", Tags: []string{"0"}}}}
			a.events[0].Data = []byte(a.id + " ")
			a.position, a.err = n.running().Append(ctx, a.events, nil, nil)
			cancel()
			r.mu.Lock()
			r.maybe[a.id] = errors.Is(a.err, dcb.ErrTransport)
			r.mu.Unlock()
			r.keep(a)
			if a.err == nil {
				break
			}
			if time.Since(since) > r.patience() {
				r.Fatalf("node %d accepts no append %v after the faults: %v", n.number, time.Since(since), a.err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

func (r *sharedRun) keep(a attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attempts = append(r.attempts, a)
}

func (r *sharedRun) ended() bool {
	select {
	case <-r.over:
		return true
	default:
		return false
	}
}

// any returns a store that runs.
func (r *sharedRun) any(chance *rand.Rand) *Store {
	for {
		if s := r.nodes[chance.IntN(len(r.nodes))].running(); s != nil {
			return s
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// call appends to all stores in turn. It repeats an append of which the outcome is unknown at
// another store, if that one can recognise it.
func (r *sharedRun) call(caller int) {
	chance := rand.New(rand.NewPCG(r.seed, uint64(caller)))
	for n := 0; !r.ended(); n++ {
		a := attempt{id: fmt.Sprintf("%d-%d", caller, n)}
		tag := chance.IntN(hostileTags)
		query := tagged(fmt.Sprint(tag))
		for i := range 1 + chance.IntN(3)*chance.IntN(3) {
			data := a.id + " " + strings.Repeat("x", chance.IntN(3)*chance.IntN(200))
			a.events = append(a.events, dcb.Event{Type: "t", Tags: []string{fmt.Sprint(tag)}, Data: []byte(data), UUID: fmt.Sprintf("%08d-0000-4000-8000-%012d", caller, n*100+i)})
		}
		s := r.any(chance)
		if chance.IntN(2) == 0 {
			head := s.published.Load().head
			a.condition = &dcb.AppendCondition{FailIfEventsMatch: query, After: head - min(head, uint64(chance.IntN(3)))}
		}
		if chance.IntN(3) == 0 {
			a.tracking = &dcb.TrackingInfo{Source: fmt.Sprint(chance.IntN(3)), Position: uint64(n + chance.IntN(3))}
			if chance.IntN(4) == 0 {
				a.events = nil
			}
		}
		for {
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(1+chance.IntN(12))*time.Second)
			a.position, a.err = s.Append(ctx, a.events, a.condition, a.tracking)
			cancel()
			if errors.Is(a.err, dcb.ErrTransport) {
				r.mu.Lock()
				r.maybe[a.id] = true
				r.mu.Unlock()
			}
			if a.err == nil && len(a.events) > 0 {
				storeMax(&r.acked[tag], a.position)
			}
			if !errors.Is(a.err, dcb.ErrTransport) || a.condition == nil || a.tracking != nil || chance.IntN(4) == 0 || r.ended() {
				break
			}
			s = r.any(chance) // the append is recognised if it was decided
		}
		r.keep(a)
		time.Sleep(time.Duration(chance.IntN(40)) * time.Millisecond)
	}
}

func storeMax(to *atomic.Uint64, n uint64) {
	for old := to.Load(); n > old && !to.CompareAndSwap(old, n); old = to.Load() {
	}
}

// read checks that each read finds everything that was acknowledged before it began.
func (r *sharedRun) read(chance *rand.Rand) {
	for !r.ended() {
		s, tag := r.any(chance), chance.IntN(hostileTags)
		acked, query := r.acked[tag].Load(), tagged(fmt.Sprint(tag))
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		var head uint64
		var err error
		switch chance.IntN(3) {
		case 0:
			head, err = s.Head(ctx)
		case 1:
			var events []dcb.SequencedEvent
			limit := uint32(1)
			if events, _, err = s.Read(ctx, query, dcb.ReadOptions{Backwards: true, Limit: &limit}).Collect(); len(events) > 0 {
				head = events[0].Position
			}
		case 2: // only a check
			_, err = s.Append(ctx, nil, &dcb.AppendCondition{FailIfEventsMatch: query, After: max(acked, 1) - 1}, nil)
		}
		cancel()
		if err == nil && head < acked {
			r.Errorf("a read finds position %d, and %d was acknowledged before", head, acked)
		}
		time.Sleep(time.Duration(chance.IntN(300)) * time.Millisecond)
	}
}

// follow subscribes to a tag, and continues at another store when the subscription ends.
func (r *sharedRun) follow(tag string, chance *rand.Rand) {
	var positions []uint64
	for !r.ended() {
		after := uint64(0)
		if len(positions) > 0 {
			after = positions[len(positions)-1]
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(chance.IntN(4000))*time.Millisecond)
		for e, err := range r.any(chance).Subscribe(ctx, tagged(tag), after) {
			if err != nil {
				break
			}
			positions = append(positions, e.Position)
		}
		cancel()
		time.Sleep(time.Millisecond)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tags[tag] = positions
}

// check compares the stores with one another and with the shared log, and the results with
// the events.
func (r *sharedRun) check() {
	_, history := r.engine.History()
	for _, n := range r.nodes {
		s := n.running()
		if err := n.catchUp(); err != nil {
			r.Errorf("node %d: %v", n.number, err)
		}
		groups := 0
		for g, err := range s.log.Groups(s.log.Start(), s.published.Load().group) {
			if err != nil {
				r.Fatalf("node %d: %v", n.number, err)
			}
			_, decided, err := sharedlog.Decode(history[groups].Bytes)
			if err != nil || !bytes.Equal(decided, slices.Concat(g.Header, g.Payload)) {
				r.Fatalf("node %d has another group %d than the shared log: %v", n.number, g.Index, err)
			}
			groups++
		}
		if groups != len(history) {
			r.Errorf("node %d has %d groups, and the shared log %d", n.number, groups, len(history))
		}
		MustHaveTimes(r.T, s)
	}
	var log []dcb.SequencedEvent
	tracked := map[string]uint64{}
	for e, err := range r.nodes[0].running().Records(r.Context()) {
		if err != nil {
			r.Fatal(err)
		}
		if e.Tracking != nil && (e.Position == 0 || len(log) == 0 || log[len(log)-1].Tracking == nil || *log[len(log)-1].Tracking != *e.Tracking) {
			if e.Tracking.Position <= tracked[e.Tracking.Source] && tracked[e.Tracking.Source] != 0 {
				r.Errorf("source %s goes from %d to %d", e.Tracking.Source, tracked[e.Tracking.Source], e.Tracking.Position)
			}
			tracked[e.Tracking.Source] = e.Tracking.Position
		}
		if e.Position != 0 {
			log = append(log, e)
		}
	}
	h := &hostileRun{T: r.T, seed: r.seed}
	found, counts := map[string]int{}, map[string]int{}
	for i := range log {
		if log[i].Position != uint64(i+1) {
			r.Fatalf("event %d has position %d", i+1, log[i].Position)
		}
		id, _, _ := strings.Cut(string(log[i].Event.Data), " ")
		if counts[id] == 0 {
			found[id] = i
		}
		counts[id]++
	}
	accepted, rejected, unknown := 0, 0, 0
	for i := range r.attempts {
		a := &r.attempts[i]
		first, n := found[a.id], counts[a.id]
		switch {
		case n != 0 && n != len(a.events), a.err == nil && n != len(a.events):
			r.Errorf("append %s with the result %d, %v has %d events of %d in the log", a.id, a.position, a.err, n, len(a.events))
		case a.err == nil && n > 0 && a.position != uint64(first+n):
			r.Errorf("append %s has the result %d, and its last event is at %d", a.id, a.position, first+n)
		case a.err != nil && !r.maybe[a.id] && n > 0:
			r.Errorf("append %s is in the log at %d and has failed: %v", a.id, first+1, a.err)
		}
		if a.condition != nil {
			h.checkCondition(log, a, first, n, true)
		}
		var refused *dcb.Error
		if errors.As(a.err, &refused) && refused.Kind == dcb.ErrIntegrity && refused.ConflictPosition == 0 && tracked[a.tracking.Source] < a.tracking.Position {
			r.Errorf("append %s is refused with %v, and the source is at %d", a.id, a.err, tracked[a.tracking.Source])
		}
		switch {
		case a.err == nil:
			accepted++
		case errors.Is(a.err, dcb.ErrIntegrity):
			rejected++
		default:
			unknown++
		}
	}
	for tag, positions := range r.tags {
		n := 0
		for _, e := range log {
			if e.Event.Tags[0] != tag {
				continue
			}
			if n == len(positions) {
				break
			}
			if positions[n] != e.Position {
				r.Fatalf("the subscription to %s has position %d, want %d", tag, positions[n], e.Position)
			}
			n++
		}
		if n != len(positions) {
			r.Errorf("the subscription to %s has %d positions that are not in the log", tag, len(positions)-n)
		}
	}
	r.Logf("seed %d: %d nodes opened %d times, asked each other %d times, %d accepted, %d refused, %d unknown, %d events in %d groups", r.seed, len(r.nodes), r.opens, len(r.peers.asked), accepted, rejected, unknown, len(log), len(history))
}
