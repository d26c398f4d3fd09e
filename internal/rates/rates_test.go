package rates_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/umadb-go/umadb/internal/rates"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

func TestQuantiles(t *testing.T) {
	for _, c := range []struct {
		before, now []uint64
		want        rates.Quantiles
	}{
		{nil, nil, rates.Quantiles{}},
		{nil, []uint64{0, 0, 0, 0}, rates.Quantiles{}},
		{nil, []uint64{5, 4, 1, 0}, rates.Quantiles{P50Seconds: 1, P99Seconds: 4}},
		{nil, []uint64{4, 5, 1, 0}, rates.Quantiles{P50Seconds: 2, P99Seconds: 4}},
		{nil, []uint64{0, 0, 0, 3}, rates.Quantiles{P50Seconds: 4, P99Seconds: 4}},
		{[]uint64{5, 0, 0, 3}, []uint64{5, 7, 0, 3}, rates.Quantiles{P50Seconds: 2, P99Seconds: 2}},
		{[]uint64{9, 9, 9, 9, 9, 9}, []uint64{1, 0, 0, 0}, rates.Quantiles{}}, // it has started again
	} {
		bounds := []float64{1, 2, 4}
		if have := rates.QuantilesBetween(&adminv1.Durations{Counts: c.before}, &adminv1.Durations{Bounds: bounds, Counts: c.now}); have != c.want {
			t.Errorf("from %v to %v: %v, want %v", c.before, c.now, have, c.want)
		}
	}
}

// state returns the state of a server that was started at a second, and has some events and
// appends.
func state(started, now int64, events, appends uint64) *adminv1.StatusResponse {
	durations := &adminv1.Durations{Bounds: []float64{1, 2}, Counts: []uint64{0, appends, 0}}
	return &adminv1.StatusResponse{
		Started: timestamppb.New(time.Unix(started, 0)),
		Now:     timestamppb.New(time.Unix(now, 0)),
		Store:   &adminv1.StoreStatus{Head: events, Appends: &adminv1.AppendStatus{Latency: durations, Conflicts: appends / 4}},
		Server:  &adminv1.ServerStatus{Methods: []*adminv1.MethodStatus{{Method: "Append", Ended: appends, Failed: appends / 2, Durations: durations}, {Method: "unused"}}},
	}
}

func TestRatesAreOfTheInterval(t *testing.T) {
	r := rates.Between(state(1, 10, 100, 40), state(1, 14, 300, 60))
	if m := r.Methods[0]; len(r.Methods) != 1 || r.Events != 50 || r.Conflicts != 1.25 || m.Calls != 5 || m.Failed != 2.5 || m.Durations.P50Seconds != 2 || r.Latency.P99Seconds != 2 {
		t.Errorf("rates %+v", r)
	}
	r = rates.Between(state(1, 10, 100, 40), state(1, 14, 100, 40))
	if m := r.Methods[0]; r.Events != 0 || m.Calls != 0 || m.Durations.P99Seconds != 0 || r.Latency.P50Seconds != 0 {
		t.Errorf("rates of an idle server: %+v", r)
	}
}

func TestRatesAfterRestart(t *testing.T) {
	r := rates.Between(state(1, 10, 100, 40), state(20, 24, 100, 8))
	if m := r.Methods[0]; r.Seconds != 4 || r.Events != 0 || m.Calls != 2 || r.Latency.P50Seconds != 2 {
		t.Errorf("rates %+v", r)
	}
}
