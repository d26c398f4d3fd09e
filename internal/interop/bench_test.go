package interop_test

import (
	"encoding/json"
	"os/exec"
	"testing"
)

// The released server stores what umadb bench appends, and returns it to its reads, which check
// the numbers of events.
func TestBenchMeasuresReleasedServer(t *testing.T) {
	program, url, c := setUpImport(t)
	output, err := exec.Command(program, "bench", "--append-events", "--url", url, "--duration", "100ms", "--connections", "2", "--json").Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	var report struct {
		Appended uint64 `json:"events_appended"`
		Results  []struct {
			Name  string
			Count int
		}
	}
	if err := json.Unmarshal(output, &report); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	head, err := c.Head(t.Context())
	if err != nil || head != report.Appended || head == 0 {
		t.Errorf("the head is %d, %v; %d events have been appended", head, err, report.Appended)
	}
	if len(report.Results) != 6 {
		t.Errorf("%+v", report.Results)
	}
}
