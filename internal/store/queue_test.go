package store

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/vfs"
	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// decideAll lets a writer that is not running decide appends, and returns it.
func decideAll(t *testing.T, ops ...*operation) *writer {
	t.Helper()
	s := newStore("/store", &Options{FS: vfs.NewMem()})
	if err := s.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.openIndex(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.free(false) })
	w := newWriter(s)
	for _, op := range ops {
		op.queue = s.queue
		if c := op.request.Condition; c != nil {
			op.condition = compile(s.hasher, c.FailIfEventsMatch)
		}
		w.decide(op)
	}
	return w
}

func operationOf(t *testing.T, events []dcb.Event, condition *dcb.AppendCondition) *operation {
	t.Helper()
	limits := dcb.Limits{}.WithDefaults()
	request, err := encoding.NewAppend(events, condition, nil, &limits)
	if err != nil {
		t.Fatal(err)
	}
	return newOperation(request)
}

func TestWriterTakesBoundedStepsForACondition(t *testing.T) {
	var condition dcb.AppendCondition
	for range 20 {
		condition.FailIfEventsMatch.Items = append(condition.FailIfEventsMatch.Items, tagged("a", "b").Items...)
	}
	came := operationOf(t, alternating(60_000, "a", "b"), nil)
	op := operationOf(t, alternating(1, "c"), &condition)
	w := decideAll(t, came, op)
	if len(w.open.accepted) != 1 || len(w.open.held) != 1 || !w.open.held[0].v.stale {
		t.Fatalf("%d are accepted, %d held", len(w.open.accepted), len(w.open.held))
	}
	if steps := w.open.work - 120_000; steps > sliceSteps+1 {
		t.Errorf("it took %d steps", steps)
	}
	if !op.isLarge() {
		t.Error("what comes back is not large")
	}
	// Each time it comes back it may take more, up to a bound.
	for range 40 {
		before := w.open.work
		w.decide(op)
		if steps := w.open.work - before; steps > maxConditionSteps+1 {
			t.Errorf("after %d rounds it took %d steps", op.rounds, steps)
		}
	}
}

// An append that was examined before 60,000 events came, whose condition would take
// the writer long to evaluate, is given back to its caller, which finds the answer.
func TestAppendThatTheWriterGivesBackIsDecided(t *testing.T) {
	for _, match := range []bool{false, true} {
		t.Run(fmt.Sprint("match=", match), func(t *testing.T) {
			s, disk := openSlow(t)
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
				t.Errorf("it is answered with %d, %v", got.position, got.err)
			case match && (!errors.As(got.err, &failed) || failed.ConflictPosition != 60_000):
				t.Errorf("it is answered with %d, %v", got.position, got.err)
			}
		})
	}
}

func TestSmallAppendsDoNotWaitForAllLargeOnes(t *testing.T) {
	s, disk := openSlow(t)
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
		eventually(t, "the large append waits", func() bool { return s.queue.pending.Load() == int64(2+i) })
	}
	small := startAppend(t, s, alternating(1, "small"), nil)
	eventually(t, "the small append waits", func() bool { return len(s.queue.small) == 1 })
	disk.resume()
	got := <-small
	if got.err != nil {
		t.Fatal(got.err)
	}
	// One large append was in the open group already, and one may have its turn.
	if most := uint64(1 + 2*len(large) + 1); got.position > most {
		t.Errorf("the small append is at %d, behind more than two large ones (%d)", got.position, most)
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
			t.Errorf("largeTurn is %v: the lanes are not taken in order", largeTurn)
		}
	}
}

// Large appends fill the memory blocks faster than they are written to files.
func TestLargeAppendsLeaveMemoryBlocksToSmallOnes(t *testing.T) {
	w := decideAll(t)
	small, large := new(operation), &operation{large: true}
	grow := func() {
		w.states.change(func(st *state) {
			st.memories = append(st.memories, newMemory(w.hasher, w.log.Tail(), 0))
		})
	}
	for len(w.states.current.Load().memories) <= maxMemories/2 {
		grow()
	}
	w.queue.small <- small
	w.queue.large <- large
	if w.next() != small || w.next() != nil {
		t.Error("a large append is taken though half of the memory blocks wait, or a small one is not")
	}
	for len(w.states.current.Load().memories) <= maxMemories {
		grow()
	}
	w.queue.small <- small
	if w.next() != nil {
		t.Error("an append is taken though all memory blocks wait")
	}
}

// Requests whose tags are all different take the most of the index.
func TestHeadBlocksStayWithinTheirBound(t *testing.T) {
	s, disk := openSlow(t)
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
	for i, m := range s.states.current.Load().memories {
		if m.Bytes() > maxBlockMemory {
			t.Errorf("head block %d takes %d bytes, more than %d", i, m.Bytes(), maxBlockMemory)
		}
	}
}

func TestAppendStallIsTheTimeWithoutAnAnswer(t *testing.T) {
	s, disk := openSlow(t)
	if got := s.AppendStall(); got != 0 {
		t.Errorf("an idle store: %v", got)
	}
	disk.stop()
	outcome := startAppend(t, s, alternating(1, "a"), nil)
	<-disk.waiting
	before := s.AppendStall()
	if before <= 0 {
		t.Errorf("while the disk stalls: %v", before)
	}
	eventually(t, "the stall grows", func() bool { return s.AppendStall() > before })
	disk.resume()
	<-outcome
	if got := s.AppendStall(); got != 0 {
		t.Errorf("after the answer: %v", got)
	}
}

// The caller of the only append gives up before the lane has room for it.
func TestAnAppendThatWasGivenUpIsNoStall(t *testing.T) {
	s := &Store{queue: newQueue()}
	for range laneLength {
		s.queue.small <- new(operation)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.queue.submit(ctx, operationOf(t, alternating(1, "a"), nil)); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if got := s.AppendStall(); got != 0 {
		t.Errorf("nothing waits, and appends have stalled for %v", got)
	}
}
