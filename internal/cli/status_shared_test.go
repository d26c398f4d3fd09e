package cli

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/umadb-go/umadb/internal/ndjson"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

func TestStatusOfASharedLog(t *testing.T) {
	for _, c := range []struct {
		status *adminv1.SharedLogStatus
		lines  []string
		absent string
	}{
		{&adminv1.SharedLogStatus{Log: "0102", Applied: 7, Durable: 6, End: 7, Silence: durationpb.New(1230 * time.Millisecond), Writer: true},
			[]string{"  shared log        0102, group 7 of 7: all groups\n", "  it answered       1.2s ago\n", "  last writer       this server\n"}, "HALTED"},
		{&adminv1.SharedLogStatus{Log: "0102", Applied: 7, End: 9, Lag: durationpb.New(3 * time.Second), WriterAddress: "http://b", Halt: "they\tdiffer", Silence: durationpb.New(6 * time.Second)},
			[]string{"  shared log        0102, group 7 of 9: 2 groups missing for 3s\n", "  it answered       6s ago\n", "  HALTED            they", "  last writer       http://b\n"}, "\t"},
		{&adminv1.SharedLogStatus{Log: "0102", Applied: 7, End: 7}, []string{": all groups\n"}, "last writer"},
		{&adminv1.SharedLogStatus{Log: "0102", Applied: 7, End: 7, Halt: "they differ"}, []string{"group 7 of 7: no more\n", "  HALTED            they differ\n"}, "all groups"},
		{&adminv1.SharedLogStatus{Log: "0102", Applied: 7, End: 7, Silence: durationpb.New(17540 * time.Millisecond)},
			[]string{"  NO ANSWER         of the shared log for 17.5s: appends and fresh reads wait or fail\n"}, "it answered"},
	} {
		s := newTestState(1, 10, 0, 0)
		s.status.Store.SharedLog = c.status
		text := statusText("here", s, false)
		for _, line := range c.lines {
			if !strings.Contains(text, line) {
				t.Errorf("the text lacks %q: %s", line, text)
			}
		}
		if strings.Contains(text, c.absent) {
			t.Errorf("the text has %q: %s", c.absent, text)
		}
		var b strings.Builder
		if err := ndjson.Write(&b, newStatusOutput("here", s, false)); err != nil {
			t.Fatal(err)
		}
		var out statusOutput
		if err := json.Unmarshal([]byte(b.String()), &out); err != nil {
			t.Fatal(err)
		}
		if got := out.Store.SharedLog; got.Applied != 7 || got.End != c.status.End || got.Halt != c.status.Halt || got.LagSeconds != c.status.Lag.AsDuration().Seconds() || got.Writer != c.status.Writer {
			t.Errorf("in JSON: %s", b.String())
		}
	}
}
