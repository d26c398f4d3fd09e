package project_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/project"
	"github.com/umadb-go/umadb/umadbtest"
)

// invoices returns an invoice for each order of a batch.
func invoices(_ context.Context, batch project.Batch) (events []dcb.Event, err error) {
	for _, order := range batch.Events {
		events = append(events, dcb.Event{Type: "Invoice", Data: fmt.Append(nil, order.Position)})
	}
	return events, nil
}

// wantInvoices checks that there is one invoice for each of the first n orders, in order.
func wantInvoices(t *testing.T, store dcb.EventStore, n int) {
	t.Helper()
	query := dcb.Query{Items: []dcb.QueryItem{{Types: []string{"Invoice"}}}}
	events, head, err := store.Read(t.Context(), query, dcb.ReadOptions{}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, event := range events {
		got = append(got, string(event.Event.Data))
	}
	for i := range n {
		want = append(want, fmt.Sprint(2*i+2))
	}
	if !slices.Equal(got, want) {
		t.Errorf("invoices %v, want %v", got, want)
	}
	// The position may have moved over events that do not match.
	if position, _, err := store.GetTrackingInfo(t.Context(), "invoices"); position < uint64(2*n) || position > head || err != nil {
		t.Errorf("tracking position %d, %v", position, err)
	}
}

// lossy is a store of which every third append fails after it has appended.
type lossy struct {
	dcb.EventStore
	calls atomic.Int64
}

func (l *lossy) Append(ctx context.Context, events []dcb.Event, condition *dcb.AppendCondition, tracking *dcb.TrackingInfo) (uint64, error) {
	position, err := l.EventStore.Append(ctx, events, condition, tracking)
	if l.calls.Add(1)%3 == 0 && err == nil {
		return 0, &dcb.Error{Kind: dcb.ErrTransport, Detail: "the connection broke"}
	}
	return position, err
}

func TestTrackingAppendsEachResultOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := umadbtest.NewStore(t)
		appendOrders(t, store, 30)
		target := project.Tracking(&lossy{EventStore: store}, "invoices", invoices)
		for _, end := range []uint64{30, 60} {
			ctx, progress := until(t.Context(), end)
			if err := project.Run(ctx, store, orders, target, &project.Options{BatchEvents: 2, Progress: progress}); err != nil {
				t.Error(err)
			}
		}
		wantInvoices(t, store, 30)
	})
}

func TestInstancesWithTrackingCompete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := umadbtest.NewStore(t)
		appendOrders(t, store, 60)
		ctx, progress := until(t.Context(), 120)
		var wait sync.WaitGroup
		for range 4 {
			wait.Go(func() {
				// Batches of several events may end at different positions, and then could count twice.
				options := &project.Options{BatchEvents: 1, Attempts: 100, Progress: progress}
				err := project.Run(ctx, store, orders, project.Tracking(store, "invoices", invoices), options)
				if err != nil && !errors.Is(err, dcb.ErrIntegrity) {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		wantInvoices(t, store, 60)
	})
}

func TestTrackingMovesWithoutResults(t *testing.T) {
	store := umadbtest.NewStore(t)
	appendOrders(t, store, 1)
	target := project.Tracking(store, "none", func(context.Context, project.Batch) ([]dcb.Event, error) { return nil, nil })
	ctx, progress := until(t.Context(), 2)
	if err := project.Run(ctx, store, orders, target, &project.Options{Progress: progress}); err != nil {
		t.Error(err)
	}
	if position, err := target.Position(t.Context()); position != 2 || err != nil {
		t.Errorf("position %d, %v", position, err)
	}
}

func TestErrorOfTrackedHandlerIsReturned(t *testing.T) {
	errBroken := errors.New("broken")
	store := umadbtest.NewStore(t)
	target := project.Tracking(store, "none", func(context.Context, project.Batch) ([]dcb.Event, error) { return nil, errBroken })
	if err := target.Handle(t.Context(), project.Batch{Position: 1}); err != errBroken {
		t.Errorf("error %v", err)
	}
	if _, found, err := store.GetTrackingInfo(t.Context(), "none"); found || err != nil {
		t.Errorf("found %v, %v", found, err)
	}
}

// late is a store of which the first append fails, and happens only when the next one is made. Before the error
// is returned, between is called.
type late struct {
	dcb.EventStore
	between func()
	pending func()
	failed  bool
}

func (l *late) Append(ctx context.Context, events []dcb.Event, condition *dcb.AppendCondition, tracking *dcb.TrackingInfo) (uint64, error) {
	if !l.failed {
		l.failed = true
		l.pending = func() { _, _ = l.EventStore.Append(context.WithoutCancel(ctx), events, condition, tracking) }
		l.between()
		return 0, &dcb.Error{Kind: dcb.ErrTransport, Detail: "the connection broke"}
	}
	if l.pending != nil {
		l.pending()
		l.pending = nil
	}
	return l.EventStore.Append(ctx, events, condition, tracking)
}

// An append of a batch of one order is in flight when the second order is appended.
func TestTrackingRepeatsAnAppendWithAnUnknownOutcome(t *testing.T) {
	for _, test := range []struct {
		name    string
		happens bool
	}{{"happens later", true}, {"has not happened", false}} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := umadbtest.NewStore(t)
				appendOrders(t, store, 1)
				l := &late{EventStore: store}
				l.between = func() {
					appendOrders(t, store, 1)
					if !test.happens {
						l.pending = nil
					}
				}
				ctx, progress := until(t.Context(), 4)
				target := project.Tracking(l, "invoices", invoices)
				if err := project.Run(ctx, store, orders, target, &project.Options{Attempts: 2, Progress: progress}); err != nil {
					t.Error(err)
				}
				wantInvoices(t, store, 2)
			})
		})
	}
}

// While an instance handles a batch of several orders, another one records the position of the first.
func TestTrackingChecksThePositionBeforeTheAppend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := umadbtest.NewStore(t)
		appendOrders(t, store, 3)
		other := project.Tracking(store, "invoices", invoices)
		var errs []error
		target := project.Tracking(store, "invoices", func(ctx context.Context, batch project.Batch) ([]dcb.Event, error) {
			synctest.Wait() // if this batch has one order, the next one has both others
			if len(batch.Events) > 1 && len(errs) == 0 {
				first := project.Batch{Events: batch.Events[:1], After: batch.After, Position: batch.Events[0].Position}
				errs = append(errs, other.Handle(ctx, first))
			}
			return invoices(ctx, batch)
		})
		ctx, progress := until(t.Context(), 6)
		logger := slog.New(slog.NewTextHandler(t.Output(), nil))
		if err := project.Run(ctx, store, orders, target, &project.Options{Progress: progress, Logger: logger}); err != nil {
			t.Error(err)
		}
		if len(errs) != 1 || errs[0] != nil {
			t.Errorf("errors of the other instance: %v", errs)
		}
		wantInvoices(t, store, 3)
	})
}

// stale is a store that returns an old tracking position for a number of calls.
type stale struct {
	dcb.EventStore
	calls int
}

func (s *stale) GetTrackingInfo(ctx context.Context, source string) (uint64, bool, error) {
	if s.calls > 0 {
		s.calls--
		return 0, false, nil
	}
	return s.EventStore.GetTrackingInfo(ctx, source)
}

func TestTrackingWaitsUntilARefusedPositionIsVisible(t *testing.T) {
	store := umadbtest.NewStore(t)
	appendOrders(t, store, 2)
	s := &stale{EventStore: store, calls: 3}
	target := project.Tracking(s, "invoices", invoices)
	first := project.Batch{Events: []dcb.SequencedEvent{{Position: 2}}, Position: 2}
	if err := project.Tracking(store, "invoices", invoices).Handle(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if err := target.Handle(t.Context(), first); !errors.Is(err, dcb.ErrIntegrity) {
		t.Errorf("error %v of a batch that is recorded", err)
	}
	if _, err := target.Position(t.Context()); !errors.Is(err, dcb.ErrIntegrity) {
		t.Errorf("error %v while the position is not visible", err)
	}
	if position, err := target.Position(t.Context()); position != 2 || err != nil {
		t.Errorf("position %d, %v", position, err)
	}
}

func TestTrackingDoesNotRepeatAnInvalidAppend(t *testing.T) {
	store := umadbtest.NewStore(t)
	appendOrders(t, store, 1)
	event := dcb.Event{UUID: "invalid"}
	target := project.Tracking(store, "none", func(context.Context, project.Batch) ([]dcb.Event, error) { return []dcb.Event{event}, nil })
	if err := target.Handle(t.Context(), project.Batch{Position: 2}); !errors.Is(err, dcb.ErrInvalidArgument) {
		t.Errorf("error %v", err)
	}
	event = dcb.Event{Type: "Invoice"}
	if err := target.Handle(t.Context(), project.Batch{Position: 2}); err != nil {
		t.Error(err)
	}
}
