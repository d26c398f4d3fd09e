package storetest

import (
	"context"
	"slices"
	"testing"

	"github.com/umadb-go/umadb/dcb"
)

// Followed is what a subscription with progress has delivered.
type Followed struct {
	After   uint64
	Events  []uint64 // positions
	Reports []Report
}

// Report is a report of progress.
type Report struct {
	dcb.Progress
	Delivered int // number of events that were handled before
}

// Follow handles the events of a subscription, until handle, which may be nil, returns false, or
// the subscription ends. The end of ctx is not an error.
func Follow(ctx context.Context, store dcb.EventStore, query dcb.Query, after uint64, handle func(*Followed) bool) (*Followed, error) {
	f := &Followed{After: after}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	noted := func() bool { return handle == nil || handle(f) }
	options := dcb.SubscribeOptions{OnProgress: func(p dcb.Progress) {
		f.Reports = append(f.Reports, Report{p, len(f.Events)})
		if !noted() {
			cancel()
		}
	}}
	for event, err := range store.Subscribe(ctx, query, after, options) {
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return f, err
		}
		f.Events = append(f.Events, event.Position)
		if !noted() {
			break
		}
	}
	return f, nil
}

// Check checks the events and reports, if the events that match have certain positions.
func (f *Followed) Check(t testing.TB, matching []uint64) {
	t.Helper()
	first, _ := slices.BinarySearch(matching, f.After+1)
	matching = matching[first:]
	if n := len(f.Events); n > len(matching) || !slices.Equal(f.Events, matching[:n]) {
		t.Errorf("after %d the events %v were delivered, of %v", f.After, f.Events, matching)
		return
	}
	var last Report
	for i, r := range f.Reports {
		checked, _ := slices.BinarySearch(matching, r.Checked+1)
		if checked != r.Delivered {
			t.Errorf("after %d: %d of %d events up to %d were delivered before the report", f.After, r.Delivered, checked, r.Checked)
		}
		if i > 0 && (r.Progress == last.Progress || r.Checked < last.Checked || r.Head < last.Head) {
			t.Errorf("after %d: %+v follows %+v", f.After, r.Progress, last.Progress)
		}
		last = r
	}
}

// CaughtUp returns how often the subscription has reached the head.
func (f *Followed) CaughtUp() (times int) {
	before := false
	for _, r := range f.Reports {
		if r.CaughtUp() && !before {
			times++
		}
		before = r.CaughtUp()
	}
	return times
}

// Matching returns the positions of the events of a store that match a query.
func Matching(ctx context.Context, store dcb.EventStore, query dcb.Query) (positions []uint64, err error) {
	events, _, err := store.Read(ctx, query, dcb.ReadOptions{}).Collect()
	for _, event := range events {
		positions = append(positions, event.Position)
	}
	return positions, err
}
