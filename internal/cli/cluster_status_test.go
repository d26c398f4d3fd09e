package cli_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

// Reports are older than the end of the log, so a lag only counts if the next report has it too.
func TestClusterStatusWaitsForTheReportsOfServersThatLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := createdEngine(t)
		log := e.Connect()
		if err := log.Append(t.Context(), sharedlog.Point{}, 7, []byte("record")); err != nil {
			t.Fatal(err)
		}
		if err := log.Trim(t.Context(), 1); err != nil { // so that nothing decodes it
			t.Fatal(err)
		}
		const slow, busy = "http://slow:50051", "http://busy:50051"
		e.report(t, slow, 0)
		e.report(t, busy, 0)
		time.AfterFunc(1900*time.Millisecond, func() { e.report(t, busy, 1) })
		begin := time.Now()
		var s status
		e.cluster(t, 0, &s, "status", "--log", fakeURL)
		if took := time.Since(begin); took != 4*time.Second || len(s.Servers) != 2 || s.Servers[0].Lag != 0 || s.Servers[1].Address != slow || s.Servers[1].Lag != 1 {
			t.Errorf("after %v, the status is %+v", took, s)
		}
		e.report(t, slow, 0)
		time.AfterFunc(900*time.Millisecond, func() { e.report(t, slow, 1) })
		begin = time.Now()
		e.cluster(t, 0, &s, "status", "--log", fakeURL)
		if took := time.Since(begin); took != time.Second || s.Servers[0].Lag+s.Servers[1].Lag != 0 {
			t.Errorf("after %v, the status is %+v", took, s)
		}
	})
}

func TestClusterStatusOfALogThatHasLostGroups(t *testing.T) {
	e := createdEngine(t)
	e.report(t, "http://a:50051", 0)
	e.report(t, "http://b:50051", 3)
	var s status
	e.cluster(t, 0, &s, "status", "--log", fakeURL)
	lost := func(s string) bool { return strings.Contains(s, "the shared log has lost groups") }
	if s.Servers[0].Ahead != 0 || s.Servers[1].Ahead != 3 || s.Servers[1].Lag != 0 || !slices.ContainsFunc(s.Warnings, lost) {
		t.Errorf("the status is %+v", s)
	}
	_, stdout, stderr := e.run("cluster", "status", "--log", fakeURL)
	if strings.Count(stdout, "AHEAD") != 1 || !lost(stderr) || strings.Count(stderr, "\n") != 1 {
		t.Errorf("the status is %q, and the warning %q", stdout, stderr)
	}
}
