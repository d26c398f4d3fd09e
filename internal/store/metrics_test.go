package store_test

import (
	"context"
	"errors"
	"io"
	"math"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/store"
)

func TestMetricsCountAppendsByOutcome(t *testing.T) {
	s, f, _ := newFaultyStore(t)
	never := &dcb.AppendCondition{FailIfEventsMatch: dcb.Query{Items: []dcb.QueryItem{{Tags: []string{"never"}}}}}
	always := &dcb.AppendCondition{}
	tracking := &dcb.TrackingInfo{Source: "web", Position: 1}
	repeated := newEvents("repeated", 1)
	repeated[0].UUID = "5b0f9f8e-52b6-4c2e-9d7c-0d3a4a8f6d11"
	for i, append := range []struct {
		events    []dcb.Event
		condition *dcb.AppendCondition
		tracking  *dcb.TrackingInfo
	}{
		{repeated, always, nil},            // appended
		{newEvents("b", 3), never, nil},    // appended
		{newEvents("c", 2), nil, tracking}, // appended
		{newEvents("d", 1), always, nil},   // conflict
		{newEvents("e", 1), nil, tracking}, // tracking conflict
		{repeated, always, nil},            // retry
	} {
		_, err := s.Append(t.Context(), append.events, append.condition, append.tracking)
		if (err != nil) != (i == 3 || i == 4) {
			t.Errorf("append %d: %v", i, err)
		}
	}
	request, err := record.NewAppend(newEvents("f", 1), nil, nil, s.Limits())
	if err != nil {
		t.Fatal(err)
	}
	f.set(failOn("sync", "log", errors.New("no answer")))
	if _, err := s.Commit(t.Context(), request, nil); err == nil {
		t.Fatal("the append has succeeded")
	}
	m := s.Metrics()
	want := store.AppendMetrics{Appended: 3, Retries: 1, Conflicts: 1, TrackingConflicts: 1, Errors: 1, Events: 6, Conditions: 4}
	got := m.Appends
	got.Latency, got.Queue = want.Latency, want.Queue
	if got.Appended != want.Appended || got.Retries != want.Retries || got.Conflicts != want.Conflicts ||
		got.TrackingConflicts != want.TrackingConflicts || got.Errors != want.Errors || got.Cancelled != 0 ||
		got.Events != want.Events || got.Conditions != want.Conditions || got.Waiting != 0 {
		t.Errorf("counted %+v, want %+v", got, want)
	}
	if n := m.Appends.Latency.Count(); n != 3 || m.Appends.Queue.Count() != 3 || m.Appends.Latency.Sum < m.Appends.Queue.Sum {
		t.Errorf("%d latencies with sum %v, %d waits with sum %v", n, m.Appends.Latency.Sum, m.Appends.Queue.Count(), m.Appends.Queue.Sum)
	}
	if c := &m.Commits; c.Appends.Count() != 3 || c.Appends.Sum != 3 || c.Events.Sum != 6 || c.Bytes.Sum < 6 || c.Write.Sum+c.Sync.Sum > c.Whole.Sum || c.Write.Sum <= 0 {
		t.Errorf("groups: %+v", c)
	}
	if !m.Failed || m.Head != 6 || m.LastCommit.IsZero() || m.Log.Bytes == 0 || m.DiskBytes < m.Log.Bytes || m.Log.Segments == 0 {
		t.Errorf("the metrics are %+v", m)
	}
}

func TestCancelledAppendIsCounted(t *testing.T) {
	s, _, _ := newFaultyStore(t)
	mustAppend(t, s, "a", 1)
	request, err := record.NewAppend(newEvents("b", 1), nil, nil, s.Limits())
	if err != nil {
		t.Fatal(err)
	}
	giveUp := make(chan struct{})
	close(giveUp)
	for s.Metrics().Appends.Cancelled == 0 { // the writer may be faster
		_, _ = s.Commit(t.Context(), request, giveUp)
	}
}

func TestAppendTimesAreReturnedOnRequest(t *testing.T) {
	s, _, _ := newFaultyStore(t)
	mustAppend(t, s, "a", 1)
	for _, c := range []struct {
		name      string
		condition *dcb.AppendCondition
		commit    func(*record.AppendRequest) error
		appended  bool
	}{
		{"Commit", nil, func(r *record.AppendRequest) error { _, err := s.Commit(t.Context(), r, nil); return err }, true},
		{"Submit", &dcb.AppendCondition{After: 100}, func(r *record.AppendRequest) error {
			done := make(chan error, 1)
			if _, ok := s.Submit(r, time.Time{}, func(_ uint64, err error) { done <- err }); !ok {
				return errors.New("not submitted")
			}
			return <-done
		}, true},
		{"a conflict", &dcb.AppendCondition{}, func(r *record.AppendRequest) error { _, err := s.Commit(t.Context(), r, nil); return err }, false},
	} {
		request, err := record.NewAppend(newEvents("b", 1), c.condition, nil, s.Limits())
		if err != nil {
			t.Fatal(err)
		}
		request.Times = new(record.AppendTimes)
		start := time.Now()
		if err := c.commit(request); (err == nil) != c.appended {
			t.Fatalf("%s: %v", c.name, err)
		}
		elapsed, times := time.Since(start), request.Times
		if times.Precheck+times.Queue+times.Write+times.Sync > elapsed {
			t.Errorf("%s: %+v of %v", c.name, *times, elapsed)
		}
		if (times.Queue > 0 && times.Write > 0 && times.Sync > 0) != c.appended || (times.Precheck > 0) != (c.condition != nil) {
			t.Errorf("%s: %+v", c.name, *times)
		}
	}
}

func TestMetricsOfReads(t *testing.T) {
	s, _, _ := newFaultyStore(t)
	mustAppend(t, s, "a", 10)
	whole, err := s.OpenRead(t.Context(), &record.ReadRequest{BatchSize: 4})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if _, err := whole.Next(t.Context(), nil, math.MaxInt); err != nil {
			t.Fatal(err)
		}
		if r := s.Metrics().Reads; r.First.Count() != 1 || r.Open != uint64(1-i/2) || r.Whole.Count() != uint64(i/2) {
			t.Errorf("after %d messages: %d first messages, %d open reads, %d whole ones", i+1, r.First.Count(), r.Open, r.Whole.Count())
		}
	}
	whole.Close()
	for range s.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).All() {
		break
	}
	abandoned, err := s.OpenRead(t.Context(), new(record.ReadRequest))
	if err != nil {
		t.Fatal(err)
	}
	abandoned.Close()
	abandoned.Close()
	if _, err := abandoned.Next(t.Context(), nil, math.MaxInt); !errors.Is(err, io.EOF) {
		t.Errorf("a closed read returns %v", err)
	}
	if r := s.Metrics().Reads; r.Started != 3 || r.Open != 0 || r.Events != 20 || r.Messages != 4 || r.Whole.Count() != 2 || r.First.Sum > r.Whole.Sum {
		t.Errorf("the reads are %+v", r)
	}
}

func TestMetricsOfSubscriptions(t *testing.T) {
	s, _, _ := newFaultyStore(t)
	mustAppend(t, s, "a", 5)
	slow, err := s.OpenSubscription(new(record.SubscribeRequest))
	if err != nil {
		t.Fatal(err)
	}
	want := func(what string, open, lagging int, lag, events, delivered uint64) {
		t.Helper()
		var m store.SubscriptionMetrics
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			m = s.Metrics().Subscriptions
			if m.Open == open && m.Lagging == lagging && m.MaxLag == lag && m.Events == events && m.Delivery.Count() == delivered {
				return
			}
		}
		t.Fatalf("%s: %+v", what, m)
	}
	want("one that does not read", 1, 1, 5, 0, 0)
	ctx, end := context.WithCancel(t.Context())
	received := make(chan uint64)
	go func() {
		defer close(received)
		for event := range s.Subscribe(ctx, dcb.Query{Items: []dcb.QueryItem{{Tags: []string{"wanted"}}}}, 0) {
			received <- event.Position
		}
	}()
	want("one that waits", 2, 1, 5, 0, 0)
	mustAppend(t, s, "other", 3)
	want("one that waits for other events", 2, 1, 8, 0, 0)
	mustAppend(t, s, "wanted", 1)
	<-received
	want("one that was woken", 2, 1, 9, 1, 1)
	if _, err := slow.Next(t.Context(), nil, math.MaxInt); err != nil {
		t.Fatal(err)
	}
	want("one that has read", 2, 0, 0, 10, 1)
	end()
	for range received {
	}
	want("one has ended", 1, 0, 0, 10, 1)
	slow.Close()
	want("both have ended", 0, 0, 0, 10, 1)
}

func TestMetricsOfAClosedStore(t *testing.T) {
	s, _, _ := newFaultyStore(t)
	mustAppend(t, s, "a", 3)
	if m := s.Metrics(); m.Index.HeadEvents != 3 || m.Index.HeadBytes == 0 || m.Calls != 0 || m.Cache.Limit == 0 {
		t.Errorf("the metrics are %+v", m)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if m := s.Metrics(); m.Appends.Appended != 1 || m.Head != 3 || m.Calls != 0 || m.Log.Segments != 0 {
		t.Errorf("the metrics are %+v", m)
	}
}
