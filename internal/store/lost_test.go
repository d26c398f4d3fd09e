package store

import (
	"fmt"
	"sync"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/storetest"
	"github.com/umadb-go/umadb/internal/vfs"
)

func TestPipelineWithdrawsALostGroupAndTheOpenOne(t *testing.T) {
	inPipeline(t, func(p *testPipeline) {
		p.append(p.t.Context(), "kept", "", 0)
		p.settleNext(1, decided)
		inFlight := p.append(p.t.Context(), "a", "", 0)
		p.full = true // the open group has a head block of its own
		open := p.append(p.t.Context(), "b", "", 0)
		deferred := p.append(p.t.Context(), "c", "b", 1)
		p.settleNext(1, lost)
		for what, s := range map[string]*submitted{"the lost append": inFlight, "the open one": open, "the deferred one": deferred} {
			p.want(s, what, result{stale: true})
		}
		if p.withdrawn != 1 || len(p.blocks) != 1 || p.blocks[0].Next() != 2 {
			t.Errorf("withdrawn %d times, %d head blocks, next %d", p.withdrawn, len(p.blocks), p.blocks[0].Next())
		}
		// Their positions are free, and nothing of them is found.
		again := p.append(p.t.Context(), "d", "a", 0)
		p.settleNext(1, decided)
		p.want(again, "an append on condition that there is no lost event", result{position: 2})
	})
}

// The callers of a group that may be in the log must not precheck again. Those of the open group,
// and those whose results depend on the group, must: nothing of them was proposed.
func TestPipelineAnswersOnlyTheCallersOfAGroupThatTheOutcomeIsUnknown(t *testing.T) {
	inPipeline(t, func(p *testPipeline) {
		inFlight := p.append(p.t.Context(), "a", "", 0)
		deferred := p.append(p.t.Context(), "b", "a", 0)
		open := p.append(p.t.Context(), "c", "", 0)
		p.settleNext(1, unknown)
		p.want(inFlight, "the append", result{err: errUnknown})
		p.want(deferred, "one that conflicts with it", result{stale: true})
		p.want(open, "the open one", result{stale: true})
		if p.withdrawn != 1 || p.failed != nil {
			t.Errorf("withdrawn %d times, failed: %v", p.withdrawn, p.failed)
		}
	})
}

// The writer yields, and then receives two operations that do not fit in the segment of the
// open group. The group before is lost while the writer waits for it.
func TestPipelineWithdrawsAGroupThatWasClosedWhileTheWriterYielded(t *testing.T) {
	for outcome, want := range map[outcome]result{lost: {stale: true}, unknown: {err: errUnknown}} {
		withdrawsWhileTheWriterYielded(t, outcome, want)
	}
}

func withdrawsWhileTheWriterYielded(t *testing.T, outcome outcome, want result) {
	inPipeline(t, func(p *testPipeline) {
		more := []*operation{newTestOperation(t, alternating(1, "b"), nil), newTestOperation(t, alternating(1, "c"), nil)}
		p.yielding = func() {
			p.segment = 1
			for _, op := range more {
				op.queue = p.queue
				p.queue.begin()
				p.queue.small <- op
			}
			more = nil
		}
		waiting := more
		first := p.append(p.t.Context(), "a", "", 0)
		p.settleNext(1, outcome)
		p.want(first, "the lost append", want)
		for _, op := range waiting {
			if r := <-op.result; !r.stale {
				t.Errorf("an append after it has the result %+v", r)
			}
		}
		again := p.append(p.t.Context(), "a", "", 0)
		p.settleNext(1, decided)
		p.want(again, "the next append", result{position: 1})
	})
}

// lossyCommitter loses every third group.
type lossyCommitter struct {
	committer
	groups, lost int
}

func (c *lossyCommitter) commit(g sealedGroup) settled {
	if c.groups++; c.groups%3 == 0 {
		c.lost++
		return settled{group: g, outcome: lost}
	}
	return c.committer.commit(g)
}

func TestLostGroupsLeaveNoTraceInAStore(t *testing.T) {
	mem := vfs.NewMem()
	options := &Options{FS: mem, SegmentBytes: 4096, BlockEvents: 20}
	s, err := Open("/store", options)
	if err != nil {
		t.Fatal(err)
	}
	lossy := &lossyCommitter{committer: s.pipeline.committer}
	s.pipeline.committer = lossy
	const writers, appends = 8, 50
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			tag := fmt.Sprint("writer:", w)
			for n := range appends {
				events, _, err := s.Read(t.Context(), tagged(tag), dcb.ReadOptions{}).Collect()
				if err != nil || len(events) != n {
					t.Errorf("%s reads %d events, want %d: %v", tag, len(events), n, err)
					return
				}
				after := uint64(0)
				if n > 0 {
					after = events[n-1].Position
				}
				condition := &dcb.AppendCondition{FailIfEventsMatch: tagged(tag), After: after}
				info := &dcb.TrackingInfo{Source: tag, Position: uint64(n + 1)}
				if _, err := s.Append(t.Context(), alternating(1, tag), condition, info); err != nil {
					t.Errorf("append %d of %s: %v", n+1, tag, err)
					return
				}
			}
		})
	}
	writing.Wait()
	if lossy.lost == 0 {
		t.Fatal("no group was lost")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	report, err := Check(t.Context(), "/store", &CheckOptions{Options: *options})
	if err != nil || len(report.Problems) > 0 {
		t.Errorf("the check finds %+v, %v", report, err)
	}
	s, err = Open("/store", options)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if head, err := s.Head(t.Context()); head != writers*appends || err != nil {
		t.Errorf("the head is %d after %d appends, %v", head, writers*appends, err)
	}
	for w := range writers {
		tag := fmt.Sprint("writer:", w)
		if position, _, err := s.GetTrackingInfo(t.Context(), tag); position != appends || err != nil {
			t.Errorf("%s is at %d, %v", tag, position, err)
		}
	}
}

// A store that loses groups behaves as one that does not.
func TestModelAgreesWithAStoreThatLosesGroups(t *testing.T) {
	storetest.Model(t, func(t storetest.T) (dcb.EventStore, func() dcb.EventStore) {
		options := &Options{FS: vfs.NewMem(), SegmentBytes: 4096, BlockEvents: 3}
		var s *Store
		open := func() dcb.EventStore {
			if s != nil {
				s.Close()
			}
			var err error
			if s, err = Open("/store", options); err != nil {
				t.Fatalf("open: %v", err)
			}
			s.pipeline.committer = &lossyCommitter{committer: s.pipeline.committer}
			return s
		}
		t.Cleanup(func() { s.Close() })
		return open(), open
	})
}
