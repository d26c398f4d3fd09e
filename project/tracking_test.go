package project_test

import (
	"context"
	"errors"
	"fmt"
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
	events, _, err := store.Read(t.Context(), query, dcb.ReadOptions{}).Collect()
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
	if position, _, err := store.GetTrackingInfo(t.Context(), "invoices"); position != uint64(2*n) || err != nil {
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
				options := &project.Options{BatchEvents: 7, Attempts: 100, Progress: progress}
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
