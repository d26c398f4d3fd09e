package main

import (
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
)

// growthLine is a figure of each server that is drawn as a line.
type growthLine struct {
	name   string // after that of the server
	dashed bool
	points func(*growthStep) plotter.XYs
}

// pointOf returns a line with a point for each step.
func pointOf(name string, dashed bool, figure func(*growthStep) float64) growthLine {
	return growthLine{name, dashed, func(s *growthStep) plotter.XYs {
		return plotter.XYs{{X: float64(s.Events), Y: figure(s)}}
	}}
}

// fillOf returns a line with a point for each part of the fills.
func fillOf(name string, dashed bool, figure func(*fillPart) float64) growthLine {
	return growthLine{name, dashed, func(s *growthStep) (points plotter.XYs) {
		for i := range s.Fill {
			points = append(points, plotter.XY{X: float64(s.Fill[i].Events), Y: figure(&s.Fill[i])})
		}
		return points
	}}
}

// growthPlot is a plot of all servers.
type growthPlot struct {
	title, label string
	finish       func(*plot.Axis)
	lines        []growthLine
}

var growthPlots = [][]growthPlot{
	{
		{"Filling, appends of 1,000 events", "events per second", startAtZero, []growthLine{fillOf("", false, (*fillPart).rate)}},
		{"Filling, appends of 1,000 events", "latency, ms", setDecades, []growthLine{
			fillOf(" p99", false, func(p *fillPart) float64 { return p.P99Millis }),
			fillOf(" slowest", true, func(p *fillPart) float64 { return p.MaxMillis }),
		}},
	},
	{
		{"Appends of 1 event, 16 connections", "events per second", startAtZero,
			[]growthLine{pointOf("", false, func(s *growthStep) float64 { return s.Appends.rate() })}},
		{"Appends of 1 event, 16 connections", "latency, ms", setDecades, []growthLine{
			pointOf(" p50", false, func(s *growthStep) float64 { return s.Appends.P50Millis }),
			pointOf(" p99", true, func(s *growthStep) float64 { return s.Appends.P99Millis }),
		}},
	},
	{
		{"Reads by tag, 16 connections", "reads per second", startAtZero,
			[]growthLine{pointOf("", false, func(s *growthStep) float64 { return s.Reads.rate() })}},
		{"Reads by tag, 16 connections", "latency, ms", setDecades, []growthLine{
			pointOf(" p50", false, func(s *growthStep) float64 { return s.Reads.P50Millis }),
			pointOf(" p99", true, func(s *growthStep) float64 { return s.Reads.P99Millis }),
		}},
	},
	{
		{"Opening", "seconds", setDecades, []growthLine{pointOf("", false, func(s *growthStep) float64 { return s.OpenSeconds })}},
		{"Resident memory", "MiB", startAtZero, []growthLine{
			pointOf(" opened", false, func(s *growthStep) float64 { return float64(s.OpenedBytes) / (1 << 20) }),
			pointOf(" after reads", true, func(s *growthStep) float64 { return float64(s.AfterReadBytes) / (1 << 20) }),
		}},
	},
}

// plots returns an SVG image of all figures by the number of events, nil if there are none.
func (res *growthResult) plots() ([]byte, error) {
	steps := res.measured("")
	if len(steps) == 0 {
		return nil, nil
	}
	x := axis{label: "events in the store"}
	for _, step := range steps {
		x.ticks = append(x.ticks, int(step.Events))
	}
	slices.Sort(x.ticks)
	x.ticks = distinctTicks(x.ticks)
	var grid [][]*plot.Plot
	for _, row := range growthPlots {
		var plots []*plot.Plot
		for _, each := range row {
			x.title = each.title
			p := newPlot(x, each.label)
			if err := res.draw(p, each.lines); err != nil {
				return nil, err
			}
			each.finish(&p.Y)
			plots = append(plots, p)
		}
		grid = append(grid, plots)
	}
	return render(grid)
}

// distinctTicks omits numbers that are so close to the one before that their labels overlap.
func distinctTicks(ascending []int) []int {
	return slices.CompactFunc(ascending, func(a, b int) bool { return max(a, b) < 2*min(a, b) })
}

// draw adds the lines of all servers.
func (res *growthResult) draw(p *plot.Plot, lines []growthLine) error {
	for i, s := range res.Servers {
		for _, line := range lines {
			var points plotter.XYs
			for _, step := range res.measured(s.Name) {
				points = append(points, line.points(&step)...)
			}
			points = slices.DeleteFunc(points, func(p plotter.XY) bool { return !(p.Y > 0) }) // also NaN
			if err := addLine(p, points, legend{s.Name + line.name, i, line.dashed}); err != nil {
				return err
			}
		}
	}
	return nil
}
