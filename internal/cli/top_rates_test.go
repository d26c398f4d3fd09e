package cli

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// newTestState returns the state of a server that was started at a second, and has some events
// and appends.
func newTestState(started, now int64, events, appends uint64) *serverState {
	return &serverState{status: &adminv1.StatusResponse{
		Started: timestamppb.New(time.Unix(started, 0)),
		Now:     timestamppb.New(time.Unix(now, 0)),
		Store:   &adminv1.StoreStatus{Head: events},
		Server: &adminv1.ServerStatus{Methods: []*adminv1.MethodStatus{{
			Method: "umadb.v1.DCB/Append", Ended: appends, Failed: appends / 2,
			Durations: &adminv1.Durations{Bounds: []float64{1, 2}, Counts: []uint64{0, appends, 0}},
		}}},
	}}
}

func TestRatesAreOfTheInterval(t *testing.T) {
	r := newRates("here", newTestState(1, 10, 100, 40), newTestState(1, 14, 300, 60))
	m := r.Methods[0]
	if r.EventsPerSecond != 50 || m.CallsPerSecond != 5 || m.FailedPerSecond != 2.5 || m.P50Seconds != 2 || r.UptimeSeconds != 13 {
		t.Errorf("rates %+v", r)
	}
	r = newRates("here", newTestState(1, 10, 100, 40), newTestState(1, 14, 100, 40))
	if m := r.Methods[0]; r.EventsPerSecond != 0 || m.CallsPerSecond != 0 || m.P99Seconds != 0 {
		t.Errorf("rates of an idle server: %+v", r)
	}
}

func TestFit(t *testing.T) {
	if got := fit("täst", 3); got != "täs" {
		t.Errorf("got %q", got)
	}
	if got := fit("täst", 4); got != "täst" {
		t.Errorf("got %q", got)
	}
	for name, want := range map[string]string{"umadb.v1.DCB/Read": "Read", "umadb.admin.v1.Admin/Status": "Admin/Status", "grpc.health.v1.Health/Check": "Health/Check", "unknown": "unknown"} {
		if got := shortMethod(name); got != want {
			t.Errorf("%s is shortened to %q, want %q", name, got, want)
		}
	}
	if text := topText("here", nil, errInterrupted); !strings.HasPrefix(text, "here: interrupted\n") {
		t.Errorf("got %q", text)
	}
}
