package store

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/umadb-go/umadb/dcb"
)

func TestPipelineCommitsOneGroupAtATimeInOrder(t *testing.T) {
	inPipeline(t, func(p *testPipeline) {
		first := p.append(p.t.Context(), "a", "", 0)
		second := p.append(p.t.Context(), "b", "", 0)
		third := p.append(p.t.Context(), "c", "", 0)
		p.wantNone(first, "the first append")
		p.settleNext(1, decided)
		p.want(first, "the first append", result{position: 1})
		p.wantNone(second, "the second append")
		p.settleNext(2, decided)
		p.want(second, "the second append", result{position: 2})
		p.want(third, "the third append", result{position: 3})
		if !slices.Equal(p.published, []uint64{1, 3}) || p.notified != 2 {
			t.Errorf("published up to %v, notified %d times", p.published, p.notified)
		}
	})
}

func TestPipelineDefersAResultUntilItsEventIsDurable(t *testing.T) {
	for name, c := range map[string]struct {
		outcome outcome
		want    func(*testPipeline) result
	}{
		"decided": {decided, func(*testPipeline) result { return result{conflict: 1} }},
		"failed":  {failed, func(p *testPipeline) result { return result{err: p.cause} }},
		"lost":    {lost, func(*testPipeline) result { return result{stale: true} }},
	} {
		t.Run(name, func(t *testing.T) {
			inPipeline(t, func(p *testPipeline) {
				p.append(p.t.Context(), "a", "", 0)
				conflicting := p.append(p.t.Context(), "b", "a", 0)
				p.wantNone(conflicting, "the conflicting append")
				p.settleNext(1, c.outcome)
				p.want(conflicting, "the conflicting append", c.want(p))
			})
		})
	}
}

// A conflict with an event of the open group waits for that group, not for the one that is
// being committed.
func TestPipelineDefersAConflictWithTheOpenGroup(t *testing.T) {
	inPipeline(t, func(p *testPipeline) {
		p.append(p.t.Context(), "a", "", 0)
		p.append(p.t.Context(), "b", "", 0) // in the open group
		conflicting := p.append(p.t.Context(), "c", "b", 0)
		p.settleNext(1, decided)
		p.wantNone(conflicting, "the conflicting append")
		p.settleNext(1, decided)
		p.want(conflicting, "the conflicting append", result{conflict: 2})
	})
}

func TestPipelineDefersATrackingConflict(t *testing.T) {
	inPipeline(t, func(p *testPipeline) {
		track := func(position uint64) *submitted {
			op := newTestOperation(t, alternating(1, "a"), nil)
			info := dcb.TrackingInfo{Source: "upstream", Position: position}
			op.changes = []trackingChange{{from: info, to: info, term: p.hasher.Source(info.Source)}}
			return p.submitOperation(p.t.Context(), op)
		}
		first, again := track(7), track(7)
		p.wantNone(again, "the same tracking")
		p.settleNext(1, decided)
		p.want(first, "the first tracking", result{position: 1})
		p.want(again, "the same tracking", result{err: dcb.ErrIntegrity})
	})
}

func TestPipelineReturnsAnOperationThatCannotBeCheckedInMemory(t *testing.T) {
	inPipeline(t, func(p *testPipeline) {
		p.append(p.t.Context(), "a", "", 0)
		p.settleNext(1, decided)
		p.blocks[0].span.FirstGroup = 5 // groups up to 4 are flushed
		p.want(p.append(p.t.Context(), "b", "a", 0), "an append on condition", result{stale: true})
		unconditional := p.append(p.t.Context(), "b", "", 0)
		p.settleNext(1, decided)
		p.want(unconditional, "an append without a condition", result{position: 2})
	})
}

func TestPipelineRefusesEverythingAfterAFailure(t *testing.T) {
	inPipeline(t, func(p *testPipeline) {
		inFlight := p.append(p.t.Context(), "a", "", 0)
		open := p.append(p.t.Context(), "b", "", 0)
		p.settleNext(1, failed)
		p.want(inFlight, "the append in flight", result{err: p.cause})
		p.want(open, "the append in the open group", result{err: p.cause})
		p.want(p.append(p.t.Context(), "c", "", 0), "a later append", result{err: p.cause})
		if len(p.published) > 0 {
			t.Errorf("published up to %v", p.published)
		}
	})
}

// Callers that were just answered append again while the writer yields.
func TestPipelineYieldsOnceBeforeItSealsAGroup(t *testing.T) {
	inPipeline(t, func(p *testPipeline) {
		yields := 0
		op := newTestOperation(t, alternating(1, "b"), nil)
		p.yielding = func() {
			if yields++; yields == 1 {
				op.queue = p.queue
				p.queue.begin()
				p.queue.small <- op
			}
		}
		p.append(p.t.Context(), "a", "", 0)
		if yields != 1 {
			t.Errorf("the writer yields %d times", yields)
		}
		p.settleNext(2, decided)
		if r := <-op.result; r.position != 2 {
			t.Errorf("the append while the writer yields has the result %+v", r)
		}
	})
}

func TestPipelineClosesAGroupThatFillsItsSegment(t *testing.T) {
	for name, o := range map[string]outcome{"decided": decided, "lost": lost, "failed": failed} {
		t.Run(name, func(t *testing.T) {
			inPipeline(t, func(p *testPipeline) {
				p.append(p.t.Context(), "a", "", 0)
				p.append(p.t.Context(), "b", "", 0)
				p.segment = 1 // the open group cannot grow
				third := p.append(p.t.Context(), "c", "", 0)
				p.segment = 0
				p.settleNext(1, o)
				switch o {
				case lost:
					p.want(third, "the third append", result{stale: true})
					return
				case failed:
					p.want(third, "the third append", result{err: p.cause})
					return
				}
				p.settleNext(1, decided)
				p.settleNext(1, decided)
				p.want(third, "the third append", result{position: 3})
			})
		})
	}
}

func TestPipelineDropsAnOperationWhoseCallerHasGone(t *testing.T) {
	inPipeline(t, func(p *testPipeline) {
		p.append(p.t.Context(), "a", "", 0)
		ctx, cancel := context.WithCancel(p.t.Context())
		p.segment = 1
		p.append(p.t.Context(), "b", "", 0)
		blocking := p.append(p.t.Context(), "c", "", 0) // the writer waits for the committer
		gone := p.append(ctx, "d", "", 0)
		cancel()
		synctest.Wait()
		if !errors.Is(gone.err, context.Canceled) {
			t.Errorf("the append fails with %v", gone.err)
		}
		p.settleNext(1, decided)
		p.settleNext(1, decided)
		p.settleNext(1, decided)
		p.want(blocking, "the append before", result{position: 3})
		if p.tail.Next != 4 {
			t.Errorf("the next position is %d", p.tail.Next)
		}
	})
}

func TestPipelineStopsAfterTheGroupInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPipeline(t)
		p.start()
		last := p.append(p.t.Context(), "a", "", 0)
		stopped := false
		go func() {
			p.stop()
			stopped = true
		}()
		synctest.Wait()
		if stopped {
			t.Error("the pipeline stops while a group is in flight")
		}
		p.settleNext(1, decided)
		p.want(last, "the last append", result{position: 1})
		if !stopped {
			t.Error("the pipeline does not stop")
		}
	})
}
