package main

import (
	"fmt"
	"slices"
	"strings"
)

// column is a column of the tables. Its value is the median over the rounds.
type column struct {
	title  string // %s is replaced by the unit, %1 by its singular
	figure func(row) float64
	show   func(float64) string
}

var columns = []column{
	{"%s/s", row.rate, thousands},
	{"p50 ms", func(r row) float64 { return r.P50Millis }, significant},
	{"p99 ms", func(r row) float64 { return r.P99Millis }, significant},
	{"server CPU s", func(r row) float64 { return r.ServerCPUSeconds }, significant},
	{"%s per server CPU s", row.perCPUSecond, thousands},
	{"client CPU µs per %1", row.clientCost, significant},
	{"peak RSS MiB", func(r row) float64 { return float64(r.PeakBytes) }, mebibytes},
	{"disk MiB", func(r row) float64 { return float64(r.DiskBytes) }, mebibytes},
	{"disk B/event", row.diskPerEvent, thousands},
}

// besideColumn is for groups with callers that are not measured.
var besideColumn = column{"beside: calls/s", row.besideRate, thousands}

// report returns the report in Markdown. base is the name of its files without
// extension.
func (res *result) report(base string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s, %s\n\n", strings.Join(res.names(), " and "), res.Machine.Date)
	fmt.Fprintf(&b, "Medians of %s of %g s after %g s of warm-up, the servers taking turns; %d bytes of data in an event.\n",
		plural(res.Parameters.Rounds, "round"), res.Parameters.WindowSeconds, res.Parameters.WarmupSeconds, res.Parameters.DataBytes)
	b.WriteString("The columns are described in [bench/README.md](../README.md).\n\n")
	fmt.Fprintf(&b, "![Throughput](%s.svg)\n\n", base)
	if len(res.sweeps()) > 0 {
		fmt.Fprintf(&b, "![Throughput and latency by connections](%s-connections.svg)\n\n", base)
	}
	fmt.Fprintf(&b, "![Server CPU per operation](%s-cost.svg)\n\n", base)
	res.setting.report(&b)
	for _, group := range res.groups() {
		res.reportGroup(&b, group)
	}
	res.reportMissing(&b)
	res.reportFailures(&b)
	fmt.Fprintf(&b, "\nAll measurements are in [%s.json](%s.json).\n", base, base)
	return b.String()
}

// report writes a table of the servers, the machine and the command.
func (s *setting) report(b *strings.Builder) {
	m := s.Machine
	b.WriteString("| | |\n|---|---|\n")
	for _, server := range s.Servers {
		fmt.Fprintf(b, "| %s | %s |\n", server.Name, server.Version)
	}
	fmt.Fprintf(b, "| client | commit %s, %s |\n", m.Commit, m.Go)
	fmt.Fprintf(b, "| machine | %s, %s, %s MiB of memory, shared by server and client |\n", plural(m.Cores, "core"), m.CPU, mebibytes(float64(m.MemoryBytes)))
	fmt.Fprintf(b, "| system | %s; load average before the run %.2f |\n", m.System, m.Load)
	fmt.Fprintf(b, "| disk | %s; making 4 KiB durable takes %s ms |\n", m.FileSystem, significant(m.SyncMillis))
	fmt.Fprintf(b, "| repeat | `%s` |\n", s.Command)
}

func (res *result) reportGroup(b *strings.Builder, title string) {
	rows := slices.DeleteFunc(slices.Clone(res.Rows), func(r row) bool { return r.Group != title || !r.measured() })
	if len(rows) == 0 {
		return
	}
	shown := slices.Clone(columns)
	if slices.ContainsFunc(rows, func(r row) bool { return r.BesideCalls > 0 }) {
		shown = append(shown, besideColumn)
	}
	unit := rows[0].Unit
	units := strings.NewReplacer("%s", unit, "%1", strings.TrimSuffix(unit, "s"))
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n| workload | server |", title, about(title))
	for i, c := range shown {
		fmt.Fprintf(b, " %s |", units.Replace(c.title))
		if i == 0 {
			b.WriteString(" lowest – highest |")
		}
	}
	b.WriteString("\n|---|---|---:|---:|" + strings.Repeat("---:|", len(shown)-1) + "\n")
	for _, workload := range res.workloads(title) {
		res.reportWorkload(b, title, workload, shown)
	}
}

func about(title string) string {
	for _, g := range groups {
		if g.title == title {
			return g.about
		}
	}
	return ""
}

// reportWorkload writes a line for each server, and a line with the ratios of the
// first server to each of the others.
func (res *result) reportWorkload(b *strings.Builder, title, workload string, shown []column) {
	medians := make([][]float64, len(res.Servers)) // nil for a server that was not measured
	for i, s := range res.Servers {
		if len(res.values(title, workload, s.Name, row.rate)) == 0 {
			continue
		}
		fmt.Fprintf(b, "| %s | %s |", workload, s.Name)
		for j, c := range shown {
			values := res.values(title, workload, s.Name, c.figure)
			medians[i] = append(medians[i], median(values))
			fmt.Fprintf(b, " %s |", c.show(medians[i][j]))
			if j == 0 {
				fmt.Fprintf(b, " %s |", extent(values))
			}
		}
		b.WriteString("\n")
	}
	for i := 1; i < len(res.Servers); i++ {
		if medians[0] == nil || medians[i] == nil {
			continue
		}
		fmt.Fprintf(b, "| | **%s ÷ %s** |", res.Servers[0].Name, res.Servers[i].Name)
		for j := range shown {
			fmt.Fprintf(b, " **%s** |", times(divide(medians[0][j], medians[i][j])))
			if j == 0 {
				b.WriteString(" |")
			}
		}
		b.WriteString("\n")
	}
}

func extent(values []float64) string {
	if len(values) == 0 {
		return none
	}
	return thousands(slices.Min(values)) + " – " + thousands(slices.Max(values))
}

// reportMissing lists the servers that could not be started, and what others cannot do.
func (res *result) reportMissing(b *strings.Builder) {
	var lines []string
	for _, m := range res.Missing {
		lines = append(lines, fmt.Sprintf("- %s: %s\n", m.Name, m.Reason))
	}
	for _, r := range res.Rows {
		if r.Unsupported != "" && r.Round == 1 {
			lines = append(lines, fmt.Sprintf("- %s, %s, %s: %s\n", r.Server, r.Group, r.Workload, r.Unsupported))
		}
	}
	if len(lines) > 0 {
		b.WriteString("\n## Not measured\n\n" + strings.Join(lines, ""))
	}
}

func (res *result) reportFailures(b *strings.Builder) {
	failed := res.failed()
	if len(failed) == 0 {
		return
	}
	b.WriteString("\n## Failed\n\nThe tables do not include these measurements.\n\n")
	for _, r := range failed {
		fmt.Fprintf(b, "- %s, %s, %s, round %d: %s\n", r.Server, r.Group, r.Workload, r.Round, r.Error)
	}
}
