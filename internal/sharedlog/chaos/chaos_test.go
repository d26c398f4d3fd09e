//go:build linux

package chaos

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/servertest"
)

var (
	duration = flag.Duration("duration", 10*time.Second, "time during which faults happen")
	seed     = flag.Uint64("seed", 0, "seed of the schedule of faults; 0 is a random one")
	engineIs = flag.String("engine", "postgres", "engine of the shared log")
	callers  = flag.Int("clients", 64, "number of clients")
	thinking = flag.Duration("thinking", 100*time.Millisecond, "average time between two calls of a client")
	only     = flag.String("only", "", "regular expression of the names of the faults that happen")
	race     = flag.Bool("race-nodes", false, "build the servers with the race detector")
	program  = flag.String("program", "", "program of the servers; without it, it is built")
	bulk     = flag.Int("bulk", 0, "number of events of some appends, to fill segments and index blocks")
	maxGap   = flag.Duration("max-gap", 15*time.Second, "maximum time without an acknowledged append while the engine can commit")
	ledger   = flag.String("ledger", "", "file to which a line about the run is added")
)

func TestMain(m *testing.M) {
	servertest.ResetIgnoredSignals()
	if err := ownMounts(); err != nil {
		fmt.Fprintln(os.Stderr, "cannot use a mount namespace of its own:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// Whatever happens to servers, engine, connections and disks, no acknowledged event is lost or
// moved, each result is true at its place, and the servers agree.
func TestChaos(t *testing.T) {
	w := newWorld(t)
	t.Logf("seed %d", w.seed)
	var calls, subscribers sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for i := range *callers {
		calls.Go(newCaller(w, i).run)
	}
	for i, query := range subscriptions() {
		s := &subscription{Query: query}
		w.history.Subscriptions = append(w.history.Subscriptions, s)
		subscribers.Go(func() { newCaller(w, 1000+2*i).subscribe(ctx, s) })
	}
	wanted, err := regexp.Compile(*only)
	if err != nil {
		t.Fatal(err)
	}
	faults := slices.DeleteFunc(slices.Concat(nodeFaults(), linkFaults(), w.engine.faults()), func(f fault) bool { return !wanted.MatchString(f.name) })
	for member := range w.engine.members() {
		go w.probe(ctx, member)
	}
	w.attack(faults, *duration)
	w.note("all faults have ended")
	recovered := w.recover()
	w.note("all nodes accept appends")
	w.over.Store(true)
	gaps := w.gaps(w.now())
	calls.Wait()
	w.note("the clients have ended")
	w.end(&subscribers, cancel)
	w.note("the subscribers have ended")
	w.checkAll()
	w.note("everything is checked")
	w.report(recovered, gaps)
	if t.Failed() {
		t.Fatalf("seed %d; the history and the outputs are in %s", w.seed, w.keep())
	}
}

// newWorld starts an engine and nodes.
func newWorld(t *testing.T) *world {
	w := &world{T: t, seed: *seed, dir: t.TempDir(), thinking: *thinking, faults: map[string]int{}}
	if w.seed == 0 {
		w.seed = rand.Uint64N(1 << 32)
	}
	w.chance = rand.New(rand.NewPCG(w.seed, 0))
	if testing.Verbose() {
		w.trace = os.Stderr
	} else {
		w.trace = &w.hidden
	}
	if w.program = *program; w.program == "" {
		w.program = filepath.Join(w.dir, "umadb")
		build := exec.Command("go", "build", fmt.Sprintf("-race=%v", *race), "-o", w.program, "github.com/umadb-go/umadb/cmd/umadb")
		if output, err := build.CombinedOutput(); err != nil {
			t.Fatalf("building the program: %v\n%s", err, output)
		}
	}
	start := engines[*engineIs]
	if start == nil {
		t.Fatalf("-engine %q: it must be one of %q", *engineIs, slices.Sorted(maps.Keys(engines)))
	}
	w.engine = start(w)
	for number := range 4 { // clients do not know the last one at first
		n := newNode(t, w, number)
		w.nodes = append(w.nodes, n)
		w.setLimit(n, "off")
		if n.disk = newDisk(t, n.dir, filepath.Join(w.dir, fmt.Sprintf("node%d.disk", number))); n.disk == nil {
			t.Logf("node %d has no file system of its own: its disk is never full and never fails", number)
		}
	}
	if output, err := w.run("cluster", "create", "--log", w.nodes[0].url); err != nil {
		t.Fatal(output)
	}
	w.started = time.Now()
	first := w.nodes[:3]
	w.members.Store(&first)
	for _, n := range first {
		w.restart(n)
	}
	for _, n := range first {
		if !w.await(30*time.Second, n.listens) {
			t.Fatalf("node %d does not start: %s", n.number, n.lastLine())
		}
	}
	return w
}

// await waits until a condition is true, and reports whether it became true in time.
func (w *world) await(patience time.Duration, condition func() bool) bool {
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if condition() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

const (
	// restartPatience is how long a node may take to listen after the faults.
	restartPatience = 60 * time.Second
	// recoveryPatience is how long a node that listens may refuse appends after the faults.
	recoveryPatience = 30 * time.Second
)

// recover checks that each node accepts an append soon after the faults have ended, and returns
// how long they took.
func (w *world) recover() (times []time.Duration) {
	w.T.Helper()
	if !w.await(time.Minute, func() bool { return w.engine.healed(w) }) {
		w.Error("the engine does not recover")
	}
	type result struct {
		node  *node
		took  time.Duration
		error string
	}
	results := make(chan result)
	known := *w.members.Load()
	for _, n := range known {
		go func() {
			if !w.await(restartPatience, n.listens) {
				results <- result{node: n, error: "it does not listen: " + n.lastLine()}
				return
			}
			since := time.Now()
			c := newCaller(w, 2000+n.number)
			defer c.close()
			last := ""
			for time.Since(since) < recoveryPatience {
				a := c.once(n, &call{Kind: "recovery", Events: []dcb.Event{c.event("Noted", 0)}})
				if last = a.Error; a.Outcome == accepted {
					results <- result{node: n, took: time.Since(since)}
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
			results <- result{node: n, error: "it accepts no append: " + last}
		}()
	}
	for range known {
		r := <-results
		if r.error != "" {
			w.Errorf("node %d after the faults: %s", r.node.number, r.error)
			continue
		}
		times = append(times, r.took)
	}
	return times
}

// once makes an append at one node, once.
func (c *caller) once(n *node, a *call) *call {
	s := c.at(n)
	a.Client, a.Nodes, a.Start = c.number, []int{n.number}, c.w.now()
	if s == nil {
		a.Outcome, a.Error = failed, "no connection"
		return a
	}
	ctx, cancel := context.WithTimeout(context.Background(), recoveryPatience)
	defer cancel()
	var err error
	a.Position, err = s.Append(ctx, a.Events, a.Condition, a.Tracking)
	a.End = c.w.now()
	a.conclude(err)
	a.Unknown = a.Outcome == unknown
	c.w.history.add(a)
	return a
}

// end appends the last event, and waits until the subscribers have it.
func (w *world) end(subscribers *sync.WaitGroup, cancel context.CancelFunc) {
	c := newCaller(w, 3000)
	defer c.close()
	last := c.event(lastType, 0)
	for group := range groups {
		if tag := fmt.Sprintf("group:%d", group); !slices.Contains(last.Tags, tag) {
			last.Tags = append(last.Tags, tag)
		}
	}
	for range 20 {
		last.UUID = c.event(lastType, 0).UUID
		if a := c.once(w.some(), &call{Kind: "end", Events: []dcb.Event{last}}); a.Outcome == accepted {
			break
		}
	}
	done := make(chan struct{})
	go func() { subscribers.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		cancel() // the checker reports which one is incomplete
		<-done
	}
}

var digits = regexp.MustCompile(`[0-9][0-9.:]*`)

// errors returns the errors of calls that were not rejected, the most frequent ones first.
func (w *world) errors() (lines []string) {
	counts := map[string]int{}
	for _, c := range w.history.Calls {
		if c.Outcome == failed || c.Outcome == unknown {
			counts[fmt.Sprintf("%s: %.160s", c.Outcome, digits.ReplaceAllString(c.Error, "N"))]++
		}
	}
	for text, count := range counts {
		lines = append(lines, fmt.Sprintf("%6d × %s", count, text))
	}
	slices.Sort(lines)
	slices.Reverse(lines)
	return lines[:min(len(lines), 25)]
}

// report logs what happened, and adds a line to the ledger.
func (w *world) report(recovered []time.Duration, longest gaps) {
	counts, appends := map[string]int{}, map[outcome]int{}
	events := 0
	for _, c := range w.history.Calls {
		counts[c.Kind+" "+string(c.Outcome)]++
		if c.isAppend() {
			appends[c.Outcome]++
			if c.Outcome == accepted {
				events += len(c.Events)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		w.Logf("%6d %s", counts[name], name)
	}
	for _, line := range w.errors() {
		w.Log(line)
	}
	total := 0
	for _, name := range slices.Sorted(maps.Keys(w.faults)) {
		w.Logf("%6d × %s", w.faults[name], name)
		total += w.faults[name]
	}
	for name, times := range w.measure() {
		w.Logf("%s: %s", name, describe(times))
	}
	if len(recovered) > 0 {
		w.Logf("an append at each node after the faults: %s", describe(recovered))
	}
	w.Logf("longest time without an acknowledged append: %.3fs, from %.3f; while the engine could commit: %.3fs, from %.3f",
		longest.all.length().Seconds(), longest.all.from.Seconds(), longest.able.length().Seconds(), longest.able.from.Seconds())
	if longest.able.length() > *maxGap {
		w.Errorf("no append was acknowledged for %v while the engine could commit, from %.3f", longest.able.length(), longest.able.from.Seconds())
	}
	exits := map[string]int{}
	for _, n := range w.nodes {
		for line, count := range n.exits {
			exits[digits.ReplaceAllString(line, "N")] += count
		}
	}
	for line, count := range exits {
		w.Logf("%6d × a node exited: %s", count, line)
	}
	line := fmt.Sprintf("%s engine=%s seed=%d duration=%v passed=%v events=%d faults=%d gap=%.1fs able_gap=%.1fs clients=%d accepted=%d rejected=%d unknown=%d failed=%d",
		time.Now().UTC().Format(time.DateOnly), *engineIs, w.seed, *duration, !w.Failed(), events, total, longest.all.length().Seconds(), longest.able.length().Seconds(),
		*callers, appends[accepted], appends[rejected], appends[unknown], appends[failed])
	w.Log(line)
	if *ledger == "" {
		return
	}
	file, err := os.OpenFile(*ledger, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		w.Error(err)
		return
	}
	defer file.Close()
	fmt.Fprintln(file, line)
}
