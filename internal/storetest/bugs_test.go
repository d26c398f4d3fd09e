package storetest_test

import (
	"context"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/storetest"
)

// bug is a store with one defect, and the rules that must detect it.
type bug struct {
	name   string
	broken broken
	rules  []string
}

var bugs = slices.Concat(appendBugs, conditionBugs, retryBugs, trackingBugs, readBugs, queryBugs, countBugs, subscribeBugs, timeBugs, generalBugs)

func TestRulesDetectBugs(t *testing.T) {
	for _, bug := range bugs {
		t.Run(bug.name, func(t *testing.T) {
			t.Parallel()
			for _, rule := range bug.rules {
				failures := record(func(r *recorder) {
					storetest.CheckRule(r, rule, bug.open, storetest.Options{Patience: time.Second / 2})
				})
				if len(failures) == 0 {
					t.Errorf("rule %q does not detect it", rule)
				}
			}
		})
	}
}

func TestEveryRuleDetectsSomeBug(t *testing.T) {
	detecting := map[string]bool{}
	for _, bug := range bugs {
		for _, rule := range bug.rules {
			detecting[rule] = true
		}
	}
	for _, rule := range storetest.RuleNames() {
		if !detecting[rule] {
			t.Errorf("rule %q detects no bug", rule)
		}
		delete(detecting, rule)
	}
	for rule := range detecting {
		t.Errorf("unknown rule %q", rule)
	}
}

func (b bug) open(storetest.T) dcb.EventStore {
	store := b.broken
	store.Naive = storetest.NewNaive()
	return &store
}

// broken is a Naive with some methods replaced.
type broken struct {
	*storetest.Naive
	append     func(*storetest.Naive, appending) (uint64, error)
	read       func(*storetest.Naive, reading) *dcb.ReadResponse
	subscribe  func(*storetest.Naive, subscribing) iter.Seq2[dcb.SequencedEvent, error]
	head       func(*storetest.Naive, context.Context) (uint64, error)
	tracking   func(*storetest.Naive, context.Context, string) (uint64, bool, error)
	positionAt func(*storetest.Naive, context.Context, time.Time) (uint64, error)
	close      func(*storetest.Naive) error
	count      func(n *storetest.Naive, query dcb.Query, bounds []uint64) ([]uint64, error)
}

// appending, reading and subscribing contain the arguments of a call.
type appending struct {
	ctx       context.Context
	events    []dcb.Event
	condition *dcb.AppendCondition
	tracking  *dcb.TrackingInfo
}

func (a appending) to(n *storetest.Naive) (uint64, error) {
	return n.Append(a.ctx, a.events, a.condition, a.tracking)
}

type reading struct {
	ctx     context.Context
	query   dcb.Query
	options dcb.ReadOptions
}

func (r reading) from(n *storetest.Naive) *dcb.ReadResponse {
	return n.Read(r.ctx, r.query, r.options)
}

type subscribing struct {
	ctx   context.Context
	query dcb.Query
	after uint64
}

func (s subscribing) to(n *storetest.Naive) iter.Seq2[dcb.SequencedEvent, error] {
	return n.Subscribe(s.ctx, s.query, s.after)
}

func (b *broken) Append(ctx context.Context, events []dcb.Event, condition *dcb.AppendCondition, tracking *dcb.TrackingInfo) (uint64, error) {
	if b.append != nil {
		return b.append(b.Naive, appending{ctx, events, condition, tracking})
	}
	return b.Naive.Append(ctx, events, condition, tracking)
}

func (b *broken) Read(ctx context.Context, query dcb.Query, options dcb.ReadOptions) *dcb.ReadResponse {
	if b.read != nil {
		return b.read(b.Naive, reading{ctx, query, options})
	}
	return b.Naive.Read(ctx, query, options)
}

func (b *broken) Subscribe(ctx context.Context, query dcb.Query, after uint64, options ...dcb.SubscribeOptions) iter.Seq2[dcb.SequencedEvent, error] {
	if b.subscribe != nil {
		return b.subscribe(b.Naive, subscribing{ctx, query, after})
	}
	return b.Naive.Subscribe(ctx, query, after, options...)
}

func (b *broken) CountEvents(ctx context.Context, query dcb.Query, bounds []uint64) ([]uint64, error) {
	if b.count != nil {
		return b.count(b.Naive, query, bounds)
	}
	return b.Naive.CountEvents(ctx, query, bounds)
}

func (b *broken) Head(ctx context.Context) (uint64, error) {
	if b.head != nil {
		return b.head(b.Naive, ctx)
	}
	return b.Naive.Head(ctx)
}

func (b *broken) PositionAt(ctx context.Context, at time.Time) (uint64, error) {
	if b.positionAt != nil {
		return b.positionAt(b.Naive, ctx, at)
	}
	return b.Naive.PositionAt(ctx, at)
}

func (b *broken) GetTrackingInfo(ctx context.Context, source string) (uint64, bool, error) {
	if b.tracking != nil {
		return b.tracking(b.Naive, ctx, source)
	}
	return b.Naive.GetTrackingInfo(ctx, source)
}

func (b *broken) Close() error {
	if b.close != nil {
		return b.close(b.Naive)
	}
	return b.Naive.Close()
}
