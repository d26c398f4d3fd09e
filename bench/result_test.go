package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sample returns a result with two servers, two rounds and a failure.
func sample() *result {
	res := &result{
		setting: setting{
			Command:    "go run ./bench",
			Machine:    machine{Date: "2001-02-03", Cores: 2, CPU: "Fast One", System: "linux", FileSystem: "ext4"},
			Servers:    []server{{Name: "a", Version: "a 1"}, {Name: "b", Version: "b 2"}},
			Parameters: parameters{Rounds: 2, WindowSeconds: 3},
		},
	}
	for round, count := range []int64{1000, 3000} {
		for i, s := range res.Servers {
			res.Rows = append(res.Rows, row{
				Group: appends.title, Workload: "1 event, 1 connection", Series: "1 event", Connections: 1, Server: s.Name, Round: round + 1,
				figures:   figures{Seconds: 1, Unit: "events", Count: count * int64(2-i), P50Millis: 1, P99Millis: 2, ServerCPUSeconds: 0.5, ClientCPUSeconds: 0.1},
				DiskBytes: 5 << 20, StoredEvents: 1 << 20,
			})
		}
	}
	res.Rows = append(res.Rows, row{Group: appends.title, Workload: "1 event, 1 connection", Server: "b", Round: 3, Error: "it crashed"})
	return res
}

func TestReportShowsMediansAndRatios(t *testing.T) {
	report := sample().report("base")
	for _, line := range []string{
		"| 1 event, 1 connection | a | 4,000 | 2,000 – 6,000 | 1.00 | 2.00 | 0.500 | 8,000 | 33.3 | 0.000 | 5.00 | 5 |",
		"| 1 event, 1 connection | b | 2,000 | 1,000 – 3,000 |",
		"| | **a ÷ b** | **2.00×** | | **1.00×** | **1.00×** | **1.00×** | **2.00×** | **0.50×** |",
		"| events per server CPU s | client CPU µs per event |",
		"- b, Appends, 1 event, 1 connection, round 3: it crashed",
		"| repeat | `go run ./bench` |",
	} {
		if !strings.Contains(report, line) {
			t.Errorf("no %q in:\n%s", line, report)
		}
	}
	if strings.Contains(report, "NaN") || strings.Contains(report, "%!") {
		t.Error(report)
	}
}

func TestServerWithoutMeasurementsHasNoLine(t *testing.T) {
	res := sample()
	res.Rows = append(res.Rows, row{Group: appends.title, Workload: "other", Server: "a", figures: figures{Seconds: 1, Count: 5}})
	if report := res.report("base"); !strings.Contains(report, "| other | a | 5 |") || strings.Contains(report, "| other | b |") || strings.Count(report, "**a ÷ b**") != 1 {
		t.Error(report)
	}
}

func TestGroupWithOnlyFailuresHasNoTable(t *testing.T) {
	res := sample()
	res.Rows = []row{{Group: scans.title, Workload: "all", Server: "a", Error: "no"}}
	if report := res.report("base"); strings.Contains(report, "## "+scans.title) || !strings.Contains(report, "## Failed") {
		t.Error(report)
	}
}

func TestChartIsWellFormed(t *testing.T) {
	if texts := textsOf(t, sample().chart("<title>", row.rate, thousands)); !slices.Contains(texts, "<title>") || !slices.Contains(texts, "4,000") {
		t.Errorf("texts %q", texts)
	}
}

// textsOf returns the texts of an SVG image.
func textsOf(t *testing.T, svg string) (texts []string) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return texts
		}
		if err != nil {
			t.Fatal(err)
		}
		if text, ok := token.(xml.CharData); ok && strings.TrimSpace(string(text)) != "" {
			texts = append(texts, strings.TrimSpace(string(text)))
		}
	}
}

func TestPlotsShowEachSweep(t *testing.T) {
	res := sample()
	if svg, err := res.plots(); err != nil || svg != nil {
		t.Errorf("plots of one number of connections: %v", err)
	}
	if strings.Contains(res.report("base"), "-connections.svg") {
		t.Error("the report has an image that does not exist")
	}
	more := res.Rows[0]
	more.Workload, more.Connections = "1 event, 16 connections", 16
	failed := more
	failed.Connections, failed.Error = 64, "no"
	empty := more
	empty.Connections, empty.P50Millis = 256, 0
	res.Rows = append(res.Rows, more, failed, empty)
	if sweeps := res.sweeps(); len(sweeps) != 1 || !slices.Equal(sweeps[0].connections, []int{1, 16}) {
		t.Fatalf("%+v", sweeps)
	}
	svg, err := res.plots()
	if err != nil {
		t.Fatal(err)
	}
	texts := textsOf(t, string(svg))
	for _, text := range []string{"Appends: 1 event", "events per second", "latency, ms", "a", "b", "a p50", "b p99", "16"} {
		if !slices.Contains(texts, text) {
			t.Errorf("no text %q in %q", text, texts)
		}
	}
	if !strings.Contains(res.report("base"), "(base-connections.svg)") {
		t.Error("the report does not show the plots")
	}
}

func TestRowsAreWrittenWithTheReport(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "results")
	if err := sample().write(dir, ""); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "2001-02-03-a-vs-b.json"))
	if err != nil {
		t.Fatal(err)
	}
	var again result
	if err := json.Unmarshal(raw, &again); err != nil || len(again.Rows) != 5 || again.Rows[0] != sample().Rows[0] {
		t.Errorf("%v: %+v", err, again)
	}
	if sample().failure() == nil {
		t.Error("failure returns nil despite a failed measurement")
	}
}
