package store

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
)

// The callers of a lost group precheck again after the group that has its place was published.
func TestPipelineAdoptsTheWinnerBeforeItAnswers(t *testing.T) {
	inPipeline(t, func(p *testPipeline) {
		p.winners = []foreign{{index: 1, bytes: make([]byte, 3)}} // 3 events
		inFlight := p.append(p.t.Context(), "a", "", 0)
		open := p.append(p.t.Context(), "b", "", 0)
		p.settleNext(1, lost)
		p.wantNone(inFlight, "the lost append")
		p.settleNext(0, decided) // the winner
		p.want(inFlight, "the lost append", result{stale: true})
		p.want(open, "the open append", result{stale: true})
		if !slices.Equal(p.published, []uint64{3}) {
			t.Errorf("published up to %v", p.published)
		}
		again := p.append(p.t.Context(), "a", "", 0)
		p.settleNext(1, decided)
		p.want(again, "the next append", result{position: 4})
	})
}

// adoptLater passes groups to the pipeline, and returns the result when there is one.
func (p *testPipeline) adoptLater(groups ...foreign) *submitted {
	s := new(submitted)
	go func() {
		s.err = p.pipeline.adopt(context.Background(), groups)
		s.done = true
	}()
	synctest.Wait()
	return s
}

// Groups that arrive wait for the outcome of the group in flight, and then discard the open one.
func TestPipelineAdoptsGroupsThatArrive(t *testing.T) {
	inPipeline(t, func(p *testPipeline) {
		inFlight := p.append(p.t.Context(), "a", "", 0)
		groups := []foreign{{index: 1, bytes: make([]byte, 1)}, {index: 2, bytes: make([]byte, 2)}, {index: 3}}
		arrived := p.adoptLater(groups...)
		p.wantNone(arrived, "what arrived")
		p.settleNext(1, decided) // group 1, so it is skipped
		p.want(inFlight, "the append in flight", result{position: 1})
		p.settleNext(0, decided)
		p.settleNext(0, decided)
		if !arrived.done || arrived.err != nil {
			t.Errorf("what arrived was adopted: %v, %v", arrived.done, arrived.err)
		}
		if !slices.Equal(p.published, []uint64{1, 3, 3}) {
			t.Errorf("published up to %v", p.published)
		}
	})
}

func TestPipelineReturnsTheErrorOfAGroupThatItCannotAdopt(t *testing.T) {
	inPipeline(t, func(p *testPipeline) {
		p.refuses = eventlog.ErrNotNext
		if arrived := p.adoptLater(foreign{index: 1}); !errors.Is(arrived.err, eventlog.ErrNotNext) {
			t.Errorf("a group that does not follow: %v", arrived.err)
		}
		p.winners = []foreign{{index: 1}}
		inFlight := p.append(p.t.Context(), "a", "", 0)
		p.settleNext(1, lost)
		p.want(inFlight, "the append that may be that group", result{err: dcb.ErrTransport})
		if !errors.Is(p.halted, eventlog.ErrNotNext) {
			t.Errorf("halted because of %v", p.halted)
		}
		again := p.append(p.t.Context(), "a", "", 0)
		p.settleNext(1, decided)
		p.want(again, "the next append", result{position: 1})
	})
}

// A group that the shared log has and that cannot be written here: the append has succeeded, and
// the store has failed.
func TestPipelineAnswersADecidedGroupThatCannotBeWritten(t *testing.T) {
	inPipeline(t, func(p *testPipeline) {
		p.unwritten = errors.New("the disk is on fire")
		first := p.append(p.t.Context(), "a", "", 0)
		deferred := p.append(p.t.Context(), "b", "a", 0)
		p.settleNext(1, decided)
		p.want(first, "the append", result{position: 1})
		p.want(deferred, "one that conflicts with it", result{err: p.unwritten})
		p.want(p.append(p.t.Context(), "c", "", 0), "the next append", result{err: p.unwritten})
		if len(p.published) > 0 {
			t.Errorf("published up to %v", p.published)
		}
	})
}

// A store that is late reads several groups when it loses. It adopts all of them, and those that
// arrive before it proposes again: each proposal would be lost.
func TestPipelineAdoptsBeforeItProposesAgain(t *testing.T) {
	inPipeline(t, func(p *testPipeline) {
		p.winners = []foreign{{index: 1, bytes: make([]byte, 1)}, {index: 2, bytes: make([]byte, 1)}}
		inFlight := p.append(p.t.Context(), "a", "", 0)
		p.settleNext(1, lost)
		p.settleNext(0, decided)
		p.settleNext(0, decided)
		p.want(inFlight, "the lost append", result{stale: true})

		inFlight = p.append(p.t.Context(), "a", "", 0)
		open := p.append(p.t.Context(), "b", "", 0)
		p.adoptLater(foreign{index: 4, bytes: make([]byte, 1)})
		p.settleNext(1, decided)
		p.want(inFlight, "the append", result{position: 3})
		p.settleNext(0, decided) // what arrived
		p.want(open, "the open append", result{stale: true})
		if !slices.Equal(p.published, []uint64{1, 2, 3, 4}) {
			t.Errorf("published up to %v", p.published)
		}
	})
}

func TestPipelineFailsWhenASegmentFailsForAnAdoptedGroup(t *testing.T) {
	inPipeline(t, func(p *testPipeline) {
		p.refuses = eventlog.ErrSegmentFailed
		if arrived := p.adoptLater(foreign{index: 1}); !errors.Is(arrived.err, p.refuses) || !errors.Is(p.failed, p.refuses) {
			t.Errorf("the store has failed with %v, the group with %v", p.failed, arrived.err)
		}
	})
}

// While the outcome of a group is unknown, the callers of deferred results can leave, and come
// again with the same append. Only some of these appends are kept.
func TestPipelineBoundsTheBytesOfDeferredResults(t *testing.T) {
	inPipeline(t, func(p *testPipeline) {
		p.leave = leftEarly
		p.append(p.t.Context(), "a", "", 0)
		kept := 0
		for range 20 {
			large := []dcb.Event{{Type: "t", Tags: []string{"b"}, Data: make([]byte, 1<<20)}}
			op := newTestOperation(p.t, large, nil)
			op.condition = compile(p.hasher, tagged("a"))
			ctx, cancel := context.WithCancel(p.t.Context())
			s := p.submitOperation(ctx, op)
			cancel()
			synctest.Wait()
			if errors.Is(s.err, dcb.ErrTransport) { // claimed
				kept++
			} else if !errors.Is(s.err, context.Canceled) {
				t.Fatalf("the result is %+v, %v", s.result, s.err)
			}
		}
		if kept < 2 || kept > 6 {
			t.Errorf("%d appends of 1 MiB are kept", kept)
		}
		p.settleNext(1, decided)
		again := p.append(p.t.Context(), "c", "", 0)
		p.settleNext(1, decided)
		p.want(again, "a further append", result{position: 2})
	})
}
