package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/index"
)

// testPipeline is a pipeline without a store: a log that is a counter, head blocks in
// memory, and a committer whose outcomes the test sets.
type testPipeline struct {
	*pipeline
	t      *testing.T
	hasher index.Hasher

	tail     eventlog.Tail // of what is sealed
	segment  int           // payload bytes that fit in a segment, 0 for no limit
	blocks   []*headBlock
	full     bool // the next group starts a new head block
	yielding func()

	committing chan sealedGroup // each group when the committer has it
	outcomes   chan outcome     // what the committer answers
	cause      error            // of the outcome failed
	unwritten  error            // of the outcome decided
	winners    []foreign        // of the outcome lost
	refuses    error            // of adopting a group
	halted     error            // because of that
	failed     error
	published  []uint64 // the last position of each published group
	notified   int
	withdrawn  int
}

// errUnknown is the error of the outcome unknown.
var errUnknown = errors.New("no answer")

func newTestPipeline(t *testing.T) *testPipeline {
	p := &testPipeline{
		t:          t,
		hasher:     index.NewHasher([16]byte{1}),
		tail:       eventlog.Tail{Next: 1},
		committing: make(chan sealedGroup),
		outcomes:   make(chan outcome),
		cause:      errors.New("the disk is on fire"),
		yielding:   func() {},
	}
	p.blocks = []*headBlock{newHeadBlock(p.hasher, p.tail, 0)}
	p.pipeline = newPipeline(p, p, newCommitMetrics(), nil)
	return p
}

func (p *testPipeline) next() uint64 { return p.tail.Next }

func (p *testPipeline) reserve(used, more int) (int64, error) {
	if p.segment > 0 && used > 0 && used+more > p.segment {
		return 0, eventlog.ErrSegmentFull
	}
	return 0, nil
}

func (p *testPipeline) seal(_ []byte, parts []eventlog.Part) *eventlog.Sealed {
	count := parts[0].Count
	p.tail.Next += uint64(count)
	p.tail.Index++
	header := eventlog.GroupHeader{First: p.tail.Next - uint64(count), Count: uint32(count), Index: p.tail.Index}
	return &eventlog.Sealed{Group: eventlog.Group{GroupHeader: header}}
}

func (p *testPipeline) limits() groupLimits {
	return groupLimits{full: maxGroupBytes, largest: math.MaxInt}
}

func (p *testPipeline) halt(_ uint64, err error) { p.halted = err }

func (p *testPipeline) nextGroup() uint64 { return p.tail.Index + 1 }

func (p *testPipeline) lastTime() int64 { return p.tail.Time }

func (p *testPipeline) adopt(g *group, f foreign) (sealedGroup, error) {
	if p.refuses != nil {
		return sealedGroup{}, p.refuses
	}
	g.adopted, g.first, g.count = true, p.tail.Next, len(f.bytes)
	g.block = p.blocks[len(p.blocks)-1]
	g.mark = g.block.mark()
	return sealedGroup{g, p.seal(nil, []eventlog.Part{{Count: g.count}})}, nil
}

func (p *testPipeline) withdraw(sealed *eventlog.Sealed, mark headMark) {
	p.withdrawn++
	if sealed != nil {
		p.tail = eventlog.Tail{Next: sealed.First, Index: sealed.Index - 1}
	}
	p.blocks = p.blocks[:slices.Index(p.blocks, mark.block)+1]
	mark.block.withdraw(mark)
	mark.block.Truncate(mark.content)
}

func (p *testPipeline) heads() []*headBlock { return slices.Clone(p.blocks) }

func (p *testPipeline) headFor(*operation) *headBlock {
	if p.full {
		p.full = false
		p.blocks = append(p.blocks, newHeadBlock(p.hasher, p.tail, 0))
	}
	return p.blocks[len(p.blocks)-1]
}

func (p *testPipeline) keepsUp(int) bool { return true }

func (p *testPipeline) admit() error { return p.failed }

func (p *testPipeline) failure() error { return p.failed }

func (p *testPipeline) fail(err error) error {
	p.failed = fmt.Errorf("failed: %w", err)
	return p.failed
}

func (p *testPipeline) outOfSpace() {}

func (p *testPipeline) yield() { p.yielding() }

func (p *testPipeline) notify(durableGroup) { p.notified++ }

func (p *testPipeline) publish(g durableGroup) {
	p.published = append(p.published, g.first+uint64(g.count)-1)
}

func (p *testPipeline) commit(g sealedGroup) settled {
	p.committing <- g
	s := settled{group: g, outcome: <-p.outcomes}
	switch s.outcome {
	case failed:
		s.err = p.cause
	case unknown:
		s.err = errUnknown
	case decided:
		s.err = p.unwritten
	case lost:
		s.winners = p.winners
	}
	return s
}

// submitted is an operation whose result arrives.
type submitted struct {
	result result
	err    error
	done   bool
}

// submit submits an append of one event with a tag, and waits until nothing moves. The
// condition fails if an event with the tag failIf comes after checkedTo; "" is no
// condition.
func (p *testPipeline) append(ctx context.Context, tag, failIf string, checkedTo uint64) *submitted {
	p.t.Helper()
	op := newTestOperation(p.t, alternating(1, tag), nil)
	if failIf != "" {
		op.condition, op.checkedTo = compile(p.hasher, tagged(failIf)), checkedTo
	}
	return p.submitOperation(ctx, op)
}

func (p *testPipeline) submitOperation(ctx context.Context, op *operation) *submitted {
	s := new(submitted)
	go func() {
		s.result, s.err = p.submit(ctx, op)
		s.done = true
	}()
	synctest.Wait()
	return s
}

// settleNext lets the committer answer for the group that it has, which must contain some
// operations.
func (p *testPipeline) settleNext(operations int, o outcome) {
	p.t.Helper()
	synctest.Wait()
	select {
	case g := <-p.committing:
		if len(g.accepted) != operations {
			p.t.Errorf("the group has %d operations, want %d", len(g.accepted), operations)
		}
		p.outcomes <- o
	default:
		p.t.Fatal("the committer has no group")
	}
	synctest.Wait()
}

// want checks the result of an operation.
func (p *testPipeline) want(s *submitted, what string, want result) {
	p.t.Helper()
	switch {
	case !s.done:
		p.t.Errorf("%s has no result", what)
	case s.err != nil:
		p.t.Errorf("%s fails: %v", what, s.err)
	case s.result.position != want.position, s.result.conflict != want.conflict, s.result.stale != want.stale, !errors.Is(s.result.err, want.err):
		p.t.Errorf("%s has the result %+v, want %+v", what, s.result, want)
	}
}

func (p *testPipeline) wantNone(s *submitted, what string) {
	p.t.Helper()
	if s.done {
		p.t.Errorf("%s has the result %+v too early", what, s.result)
	}
}

// inPipeline runs a test with a pipeline that is started and stopped.
func inPipeline(t *testing.T, test func(*testPipeline)) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPipeline(t)
		p.start()
		test(p)
		p.stop()
	})
}
