package main

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// sizes is a flag with an ascending list of numbers of events.
type sizes []int

func (s *sizes) String() string {
	var parts []string
	for _, n := range *s {
		parts = append(parts, strconv.Itoa(n))
	}
	return strings.Join(parts, ",")
}

// Set parses a list. It adds a small size to compare with, unless there is one.
func (s *sizes) Set(text string) error {
	*s = nil
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 1 {
			return fmt.Errorf("%q is not a number of events", part)
		}
		*s = append(*s, n)
	}
	if !slices.IsSorted(*s) || len(slices.Compact(slices.Clone(*s))) < len(*s) {
		return fmt.Errorf("the numbers of events must ascend")
	}
	if (*s)[0] > smallestGrowth {
		*s = slices.Insert(*s, 0, smallestGrowth)
	}
	return nil
}

// growthResult contains all measurements of growing stores.
type growthResult struct {
	setting
	Steps []growthStep `json:"steps"`
}

// measureGrowth measures each server and writes the result.
func measureGrowth(ctx context.Context, s setting, g *grower) error {
	res := growthResult{setting: s}
	for _, each := range s.Servers {
		steps, err := g.grow(ctx, each)
		if err != nil {
			return err
		}
		res.Steps = append(res.Steps, steps...)
	}
	if err := res.write(g.out, g.name); err != nil {
		return err
	}
	return res.failure()
}

func (res *growthResult) write(dir, name string) error {
	if name == "" {
		name = "growth-" + strings.Join(res.names(), "-vs-")
	}
	base := res.Machine.Date + "-" + name
	plots, err := res.plots()
	if err != nil {
		return err
	}
	return writeResult(filepath.Join(dir, base), res, map[string]string{".svg": string(plots), ".md": res.report(base)})
}

func (res *growthResult) failure() error {
	if err := res.setting.failure(); err != nil {
		return err
	}
	for _, step := range res.Steps {
		if step.Error != "" {
			return fmt.Errorf("%s failed: %s", step.Server, step.Error)
		}
	}
	return nil
}

// growthColumn is a column of a table of steps.
type growthColumn struct {
	title  string
	figure func(*growthStep) float64
	show   func(float64) string
	// ratio is whether the value is that divided by the value at the server's first size.
	ratio bool
}

// growthTables are the tables of the report.
var growthTables = []struct {
	title, about string
	columns      []growthColumn
}{
	{"Filling", "Appends of 1,000 events on 4 connections, from the size before to this one. A fill is measured in parts, " +
		"of which some contain more of the server's work in the background, such as compaction, than others.", []growthColumn{
		{"events/s", (*growthStep).fillRate, thousands, false},
		{"events/s in the slowest part", func(s *growthStep) float64 { return -s.worstPart(func(p *fillPart) float64 { return -p.rate() }) }, thousands, false},
		{"p99 ms in the worst part", func(s *growthStep) float64 { return s.worstPart(func(p *fillPart) float64 { return p.P99Millis }) }, significant, false},
		{"slowest append ms", func(s *growthStep) float64 { return s.worstPart(func(p *fillPart) float64 { return p.MaxMillis }) }, significant, false},
		{"peak RSS MiB", func(s *growthStep) float64 { return float64(s.FillPeakBytes) }, mebibytes, false},
		{"disk MiB", func(s *growthStep) float64 { return float64(s.DiskBytes) }, mebibytes, false},
		{"disk B/event", func(s *growthStep) float64 { return divide(float64(s.DiskBytes), float64(s.Events)) }, thousands, false},
	}},
	{"Opening and memory", "The server is started again. Opening takes until the first call has returned.", []growthColumn{
		{"opening s", func(s *growthStep) float64 { return s.OpenSeconds }, significant, false},
		{"RSS MiB after opening", func(s *growthStep) float64 { return float64(s.OpenedBytes) }, mebibytes, false},
		{"after the reads", func(s *growthStep) float64 { return float64(s.AfterReadBytes) }, mebibytes, false},
		{"peak", func(s *growthStep) float64 { return float64(s.PeakBytes) }, mebibytes, false},
	}},
	{"Reads by tag on 16 connections", "All events with one tag, which is chosen at random. They are far apart in the store.",
		callColumns("reads/s", func(s *growthStep) *figures { return &s.Reads })},
	{"Appends of one event on 16 connections", "On the same store, after the reads.",
		callColumns("events/s", func(s *growthStep) *figures { return &s.Appends })},
}

func callColumns(rate string, of func(*growthStep) *figures) []growthColumn {
	perSecond := func(s *growthStep) float64 { return of(s).rate() }
	p99 := func(s *growthStep) float64 { return of(s).P99Millis }
	return []growthColumn{
		{rate, perSecond, thousands, false},
		{"÷ smallest", perSecond, times, true},
		{"p50 ms", func(s *growthStep) float64 { return of(s).P50Millis }, significant, false},
		{"p99 ms", p99, significant, false},
		{"÷ smallest", p99, times, true},
		{"slowest ms", func(s *growthStep) float64 { return of(s).MaxMillis }, significant, false},
		{"server CPU µs per call", func(s *growthStep) float64 { return divide(1e6*of(s).ServerCPUSeconds, float64(of(s).Calls)) }, significant, false},
	}
}

// fillRate returns the events per second of the whole fill.
func (s *growthStep) fillRate() float64 {
	var events, seconds float64
	for _, part := range s.Fill {
		events += float64(part.Appended)
		seconds += part.Seconds
	}
	return divide(events, seconds)
}

// worstPart returns the highest figure of the parts of the fill.
func (s *growthStep) worstPart(figure func(*fillPart) float64) float64 {
	worst := math.NaN()
	for i := range s.Fill {
		if value := figure(&s.Fill[i]); !(value <= worst) {
			worst = value
		}
	}
	return worst
}

func (res *growthResult) report(base string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Growth of %s, %s\n\n", strings.Join(res.names(), " and "), res.Machine.Date)
	fmt.Fprintf(&b, "Each store is filled to a size and measured, and then filled further. Reads and appends are measured for %g s after %g s of warm-up; %d bytes of data in an event.\n",
		res.Parameters.WindowSeconds, res.Parameters.WarmupSeconds, res.Parameters.DataBytes)
	b.WriteString("The procedure is described in [bench/README.md](../README.md#growth).\n\n")
	if len(res.measured("")) > 0 {
		fmt.Fprintf(&b, "![Growth](%s.svg)\n\n", base)
	}
	res.setting.report(&b)
	for _, table := range growthTables {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| server | events |", table.title, table.about)
		for _, c := range table.columns {
			fmt.Fprintf(&b, " %s |", c.title)
		}
		b.WriteString("\n|---|---:|" + strings.Repeat("---:|", len(table.columns)) + "\n")
		res.reportSteps(&b, table.columns)
	}
	for _, m := range res.Missing {
		fmt.Fprintf(&b, "\nNot measured: %s: %s\n", m.Name, m.Reason)
	}
	for _, step := range res.Steps {
		if step.Error != "" {
			fmt.Fprintf(&b, "\nFailed: %s, %s events: %s\n", step.Server, thousands(float64(step.Events)), step.Error)
		}
	}
	fmt.Fprintf(&b, "\nAll measurements, also those of each part of the fills, are in [%s.json](%s.json).\n", base, base)
	return b.String()
}

func (res *growthResult) reportSteps(b *strings.Builder, columns []growthColumn) {
	for _, s := range res.Servers {
		steps := res.measured(s.Name)
		for i := range steps {
			fmt.Fprintf(b, "| %s | %s |", s.Name, thousands(float64(steps[i].Events)))
			for _, c := range columns {
				value := c.figure(&steps[i])
				if c.ratio {
					value = divide(value, c.figure(&steps[0]))
				}
				fmt.Fprintf(b, " %s |", c.show(value))
			}
			b.WriteString("\n")
		}
	}
}

// measured returns the steps of a server, or of all if the name is empty, that have not failed.
func (res *growthResult) measured(server string) []growthStep {
	return slices.DeleteFunc(slices.Clone(res.Steps), func(s growthStep) bool {
		return s.Error != "" || server != "" && s.Server != server
	})
}
