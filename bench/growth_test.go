package main

import (
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSizesAscendFromASmallOne(t *testing.T) {
	for text, want := range map[string]string{
		"10000000,100000000": "100000,10000000,100000000",
		"100000,200000":      "100000,200000",
		"500,1000":           "500,1000",
	} {
		var s sizes
		if err := s.Set(text); err != nil || s.String() != want {
			t.Errorf("%s: %v, %v", text, s, err)
		}
	}
	for _, bad := range []string{"", "0", "1e6", "200,100", "100,100", "100,"} {
		if err := new(sizes).Set(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	if _, err := parseOptions([]string{"-growth", "5", "-per-tag", "10"}); err == nil {
		t.Error("a size below -per-tag is accepted")
	}
}

func TestEveryCustomerOfAFillHasEventsFarApart(t *testing.T) {
	m, c := connected(t)
	for _, fill := range []struct{ first, count int64 }{{0, 40}, {40, 2100}} {
		f := filler{clients: []client{c}, first: fill.first, customers: fill.count / 10, perTag: 10}
		for f.done < fill.count {
			part, err := f.fill(t.Context(), min(1500, fill.count-f.done))
			if err != nil || part.Appended == 0 || part.MaxMillis < part.P99Millis || part.P50Millis <= 0 {
				t.Fatalf("%+v, %v", part, err)
			}
		}
	}
	at := map[string][]int{}
	for i, event := range m.events {
		at[event.Event.Tags[0]] = append(at[event.Event.Tags[0]], i)
		if want := orderOf(uint64(i)); event.Event.Tags[1] != want {
			t.Fatalf("event %d has the tag %s, want %s", i, event.Event.Tags[1], want)
		}
	}
	if len(m.events) != 2140 || len(at) != 214 {
		t.Errorf("%d events of %d customers", len(m.events), len(at))
	}
	for customer := range uint64(214) {
		events := at[customerOf(customer)]
		apart := 210
		if customer < 4 {
			apart = 4
		}
		if len(events) != 10 || events[1]-events[0] != apart || events[9]-events[0] != 9*apart {
			t.Errorf("customer %d has the events %v", customer, events)
		}
	}
}

func TestGrowthWithoutDiskSpaceDoesNotStart(t *testing.T) {
	g := grower{options: options{growth: sizes{100, math.MaxInt32}, dataBytes: 1 << 20, perTag: 10}, dir: t.TempDir(), progress: &strings.Builder{}}
	steps, err := g.grow(t.Context(), server{Name: "a"}) // has no kind, so that it cannot start
	if err != nil || len(steps) != 1 || !strings.Contains(steps[0].Error, "MiB are free: choose smaller sizes") {
		t.Errorf("%+v, %v", steps, err)
	}
}

func TestSpaceNeededIsThatOfTheStoreSoFar(t *testing.T) {
	g := grower{options: options{dataBytes: 150}}
	if needed := g.spaceNeeded(&growing{}, 100_000_000); needed < 30e9 || needed > 36e9 {
		t.Errorf("%d bytes for an empty store", needed)
	}
	if needed := g.spaceNeeded(&growing{events: 10_000_000, disk: 10_000_000_000}, 20_000_000); needed < 11e9 || needed > 13e9 {
		t.Errorf("%d bytes for a store with 1,000 bytes an event", needed)
	}
}

// sampleGrowth returns a result of two servers, of which the second one fails at the second size.
func sampleGrowth() *growthResult {
	res := &growthResult{setting: sample().setting}
	for _, s := range res.Servers {
		for i := range int64(2) {
			step := growthStep{
				Server: s.Name, Events: 1000 + i*99_000, DiskBytes: 300_000 + i*29_700_000, OpenSeconds: 0.5, OpenedBytes: 5 << 20, AfterReadBytes: 9 << 20, PeakBytes: 10 << 20, FillPeakBytes: 7 << 20,
				Fill: []fillPart{
					{Events: 500, Appended: 500, Seconds: 1, P50Millis: 1, P99Millis: 8, MaxMillis: 9},
					{Events: 1000, Appended: 500, Seconds: 3, P50Millis: 1, P99Millis: 2, MaxMillis: 3},
				},
				Reads:   figures{Seconds: 2, Count: 2000, Calls: 2000, P50Millis: 1, P99Millis: 2 * float64(1+i), MaxMillis: 9, ServerCPUSeconds: 1},
				Appends: figures{Seconds: 2, Count: 4000 / (1 + i), Calls: 4000, P50Millis: 1, P99Millis: 2, MaxMillis: 9, ServerCPUSeconds: 1},
			}
			if s.Name == "b" && i == 1 {
				step.Error = "it crashed"
			}
			res.Steps = append(res.Steps, step)
		}
	}
	return res
}

func TestGrowthReport(t *testing.T) {
	res := sampleGrowth()
	report := res.report("base")
	for _, line := range []string{
		"![Growth](base.svg)",
		"| a | 1,000 | 250 | 167 | 8.00 | 9.00 | 7.00 | 0.286 | 300 |",
		"| a | 100,000 | 0.500 | 5.00 | 9.00 | 10.0 |",
		"| a | 100,000 | 1,000 | 1.00× | 1.00 | 4.00 | 2.00× | 9.00 | 500 |",
		"| a | 100,000 | 1,000 | 0.50× | 1.00 | 2.00 | 1.00× | 9.00 | 250 |",
		"Failed: b, 100,000 events: it crashed",
	} {
		if !strings.Contains(report, line) {
			t.Errorf("no %q in:\n%s", line, report)
		}
	}
	if strings.Contains(report, "| b | 100,000 |") || strings.Contains(report, "NaN") || strings.Contains(report, "%!") {
		t.Error(report)
	}
	if err := res.failure(); err == nil || !strings.Contains(err.Error(), "it crashed") {
		t.Errorf("failure returns %v", err)
	}
}

func TestGrowthPlots(t *testing.T) {
	svg, err := sampleGrowth().plots()
	if err != nil {
		t.Fatal(err)
	}
	texts := textsOf(t, string(svg))
	for _, text := range []string{"Opening", "Resident memory", "events in the store", "a slowest", "b p99", "0.1", "1,000", "100,000"} {
		if !slices.Contains(texts, text) {
			t.Errorf("no text %q in %q", text, texts)
		}
	}
	res := &growthResult{setting: sample().setting, Steps: []growthStep{{Server: "a", Error: "no"}}}
	if svg, err := res.plots(); err != nil || svg != nil || strings.Contains(res.report("base"), "base.svg") {
		t.Errorf("an image of failed steps: %v", err)
	}
}

func TestGrowthIsWritten(t *testing.T) {
	dir := t.TempDir()
	if err := sampleGrowth().write(dir, ""); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{".json", ".md", ".svg"} {
		if files, _ := filepath.Glob(filepath.Join(dir, "2001-02-03-growth-a-vs-b"+suffix)); len(files) != 1 {
			t.Errorf("no file %s", suffix)
		}
	}
}

func TestGrowthOfAServer(t *testing.T) {
	o, err := parseOptions([]string{"-growth", "3000,90000", "-duration", "100ms", "-warmup", "10ms"})
	if err != nil {
		t.Fatal(err)
	}
	g := grower{options: o, dir: t.TempDir(), progress: io.Discard}
	steps, err := g.grow(t.Context(), peer(t, "embedded"))
	if err != nil || len(steps) != 2 {
		t.Fatalf("%+v, %v", steps, err)
	}
	for i, want := range []int64{3000, 90_000} {
		s := steps[i]
		if s.Error != "" || s.Events != want || len(s.Fill) != 1 || s.Fill[0].Events > want || s.Fill[0].Events <= want-10 {
			t.Errorf("%+v", s)
		}
		if s.OpenSeconds <= 0 || s.Reads.Count == 0 || s.Appends.Count == 0 || s.Appends.P99Millis <= 0 || s.DiskBytes < 100*want {
			t.Errorf("%+v", s)
		}
		if s.OpenedBytes < 1<<20 || s.AfterReadBytes < 1<<20 || s.PeakBytes < 1<<20 || s.FillPeakBytes < 1<<20 {
			t.Errorf("%+v", s)
		}
	}
	if steps[1].Fill[0].Appended+steps[0].Events >= steps[1].Events {
		t.Errorf("the events appended at the first size do not count: %+v", steps[1])
	}
}
