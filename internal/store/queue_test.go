package store

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/vfs"
)

// decideAll returns a writer that has decided some appends and is not running.
func decideAll(t *testing.T, ops ...*operation) *writer {
	t.Helper()
	s := newStore(writing, "/store", &Options{FS: vfs.NewMem()})
	if err := s.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.openIndex(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.free(false) })
	s.pipeline = newPipeline(storeEnvironment{s, s.appender}, localCommitter{s.logWriter}, s.commits, nil)
	w := s.pipeline.writer
	for _, op := range ops {
		op.queue = w.queue
		if c := op.request.Condition; c != nil {
			op.condition = compile(s.hasher, c.FailIfEventsMatch)
		}
		w.decide(op)
	}
	return w
}

func newTestOperation(t *testing.T, events []dcb.Event, condition *dcb.AppendCondition) *operation {
	t.Helper()
	limits := dcb.Limits{}.WithDefaults()
	request, err := record.NewAppend(events, condition, nil, &limits)
	if err != nil {
		t.Fatal(err)
	}
	return newOperation(request)
}

func TestWriterBoundsStepsOfCondition(t *testing.T) {
	var condition dcb.AppendCondition
	for range 20 {
		condition.FailIfEventsMatch.Items = append(condition.FailIfEventsMatch.Items, tagged("a", "b").Items...)
	}
	came := newTestOperation(t, alternating(60_000, "a", "b"), nil)
	op := newTestOperation(t, alternating(1, "c"), &condition)
	w := decideAll(t, came, op)
	if len(w.open.accepted) != 1 || len(w.deferred) != 1 || !w.deferred[0].r.stale {
		t.Fatalf("%d operations accepted, %d deferred", len(w.open.accepted), len(w.deferred))
	}
	if steps := w.open.work - 120_000; steps > sliceSteps+1 {
		t.Errorf("the condition took %d steps", steps)
	}
	if !op.isLarge() {
		t.Error("the stale operation is not large")
	}
	// The limit grows with each round, up to a bound.
	for range 40 {
		before := w.open.work
		w.decide(op)
		if steps := w.open.work - before; steps > maxConditionSteps+1 {
			t.Errorf("after %d rounds the condition took %d steps", op.rounds, steps)
		}
	}
}

// After the precheck of the append, 60,000 events are added, for which its condition
// exceeds the writer's step limit. The caller evaluates the condition again.
func TestStaleAppendIsDecided(t *testing.T) {
	for _, match := range []bool{false, true} {
		t.Run(fmt.Sprint("match=", match), func(t *testing.T) {
			s, disk := newSlowStore(t)
			events := alternating(60_000, "a", "b")
			if match {
				events[59_999].Tags = []string{"a", "b"}
			}
			disk.stop()
			came := startAppend(t, s, events, nil)
			<-disk.waiting
			var condition dcb.AppendCondition
			for range 20 {
				condition.FailIfEventsMatch.Items = append(condition.FailIfEventsMatch.Items, tagged("a", "b").Items...)
			}
			outcome := startAppend(t, s, alternating(1, "c"), &condition)
			disk.resume()
			if got := <-came; got.err != nil {
				t.Fatal(got.err)
			}
			got := <-outcome
			var failed *dcb.Error
			switch {
			case !match && (got.err != nil || got.position != 60_001):
				t.Errorf("append: position %d, error %v", got.position, got.err)
			case match && (!errors.As(got.err, &failed) || failed.ConflictPosition != 60_000):
				t.Errorf("conflicting append: position %d, error %v", got.position, got.err)
			}
		})
	}
}

func TestSmallAppendsDoNotWaitForAllLargeOnes(t *testing.T) {
	s, disk := newSlowStore(t)
	disk.stop()
	first := startAppend(t, s, alternating(1, "first"), nil)
	<-disk.waiting
	// Each fills a group.
	large := alternating(maxGroupBytes>>20+1, "large")
	for i := range large {
		large[i].Data = make([]byte, 1<<20)
	}
	const count = 6
	var larges []<-chan appended
	for i := range count {
		larges = append(larges, startAppend(t, s, large, nil))
		eventually(t, "the large append waits", func() bool { return s.pipeline.queue.pending.Load() == int64(2+i) })
	}
	small := startAppend(t, s, alternating(1, "small"), nil)
	eventually(t, "the small append waits", func() bool { return s.pipeline.queue.pending.Load() == count+2 })
	disk.resume()
	got := <-small
	if got.err != nil {
		t.Fatal(got.err)
	}
	// One large append was in the open group already, and one may be next.
	if most := uint64(1 + 2*len(large) + 1); got.position > most {
		t.Errorf("the small append is at %d, after more than two large ones (%d)", got.position, most)
	}
	for _, outcome := range append(larges, first) {
		if got := <-outcome; got.err != nil {
			t.Error(got.err)
		}
	}
}

func TestLargeAppendsDoNotWaitForAllSmallOnes(t *testing.T) {
	w := decideAll(t)
	small, large := new(operation), &operation{large: true}
	for _, largeTurn := range []bool{false, true} {
		w.largeTurn = largeTurn
		w.queue.small <- small
		w.queue.large <- large
		first, second := small, large
		if largeTurn {
			first, second = large, small
		}
		if w.next() != first || w.next() != second || w.next() != nil {
			t.Errorf("largeTurn is %v: wrong order of the lanes", largeTurn)
		}
	}
}

// Large appends may fill head blocks faster than these are written to files.
func TestLargeAppendsLeaveHeadBlocksToSmallOnes(t *testing.T) {
	w := decideAll(t)
	s := w.env.(storeEnvironment).store
	small, large := new(operation), &operation{large: true}
	grow := func() {
		s.states.change(func(st *state) {
			st.heads = append(st.heads, newHeadBlock(s.hasher, s.appender.Tail(), 0))
		})
	}
	for len(w.env.heads()) <= maxHeadBlocks/2 {
		grow()
	}
	w.queue.small <- small
	w.queue.large <- large
	if w.next() != small || w.next() != nil {
		t.Error("a large append was received while half of the head blocks wait, or a small one was not")
	}
	for len(w.env.heads()) <= maxHeadBlocks {
		grow()
	}
	w.queue.small <- small
	if w.next() != nil {
		t.Error("an append was received while all head blocks wait")
	}
}

// Requests with distinct tags take the most memory in the index.
func TestHeadBlocksStayWithinTheirBound(t *testing.T) {
	s, disk := newSlowStore(t)
	disk.stop()
	outcomes := []<-chan appended{startAppend(t, s, alternating(1, "first"), nil)}
	<-disk.waiting
	for i := range 5 {
		events := make([]dcb.Event, 8)
		for j := range events {
			for k := range 30_000 {
				events[j].Tags = append(events[j].Tags, fmt.Sprintf("%d-%d-%d", i, j, k))
			}
		}
		outcomes = append(outcomes, startAppend(t, s, events, nil))
	}
	disk.resume()
	for _, outcome := range outcomes {
		if got := <-outcome; got.err != nil {
			t.Fatal(got.err)
		}
	}
	for i, m := range s.states.current.Load().heads {
		if m.Bytes() > maxHeadBlockMemory {
			t.Errorf("head block %d takes %d bytes, more than %d", i, m.Bytes(), maxHeadBlockMemory)
		}
	}
}

func TestAppendStallIsTimeWithoutResult(t *testing.T) {
	s, disk := newSlowStore(t)
	if got := s.AppendStall(); got != 0 {
		t.Errorf("stall of an idle store: %v", got)
	}
	disk.stop()
	outcome := startAppend(t, s, alternating(1, "a"), nil)
	<-disk.waiting
	before := s.AppendStall()
	if before <= 0 {
		t.Errorf("stall of a blocked store: %v", before)
	}
	eventually(t, "the stall grows", func() bool { return s.AppendStall() > before })
	disk.resume()
	<-outcome
	if got := s.AppendStall(); got != 0 {
		t.Errorf("stall after the result: %v", got)
	}
}

// The caller of the only append cancels it before the lane has capacity.
func TestCancelledAppendIsNoStall(t *testing.T) {
	q := newQueue()
	s := &Store{pipeline: &pipeline{queue: q}}
	for range laneLength {
		q.small <- new(operation)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := q.submit(ctx, newTestOperation(t, alternating(1, "a"), nil)); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if got := s.AppendStall(); got != 0 {
		t.Errorf("stall without a waiting append: %v", got)
	}
}
