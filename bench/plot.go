package main

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Dimensions of a plot. The plots of a sweep are beside each other.
const (
	plotWidth  = 430
	plotHeight = 300
)

// sweep is a series of workloads that differ only in the number of connections.
type sweep struct {
	group, series string
	unit          string
	connections   []int // ascending
}

// sweeps returns the series that were measured with several numbers of connections.
func (res *result) sweeps() []sweep {
	var all []sweep
	for _, r := range res.Rows {
		if !r.measured() || r.P50Millis <= 0 { // no call has ended in the window
			continue
		}
		i := slices.IndexFunc(all, func(s sweep) bool { return s.group == r.Group && s.series == r.Series })
		if i < 0 {
			i = len(all)
			all = append(all, sweep{group: r.Group, series: r.Series, unit: r.Unit})
		}
		if !slices.Contains(all[i].connections, r.Connections) {
			all[i].connections = append(all[i].connections, r.Connections)
		}
	}
	for _, s := range all {
		slices.Sort(s.connections)
	}
	return slices.DeleteFunc(all, func(s sweep) bool { return len(s.connections) < 2 })
}

// curve is a figure of each server that is drawn as a line.
type curve struct {
	name   string // after that of the server
	dashed bool
	figure func(row) float64
}

// plots returns an SVG image with the throughput and the latency of each sweep, nil if
// there are no sweeps.
func (res *result) plots() ([]byte, error) {
	sweeps := res.sweeps()
	if len(sweeps) == 0 {
		return nil, nil
	}
	var grid [][]*plot.Plot
	for _, s := range sweeps {
		throughput, latency := newPlot(s.axis(), s.unit+" per second"), newPlot(s.axis(), "latency, ms")
		if err := res.draw(throughput, s, curve{"", false, row.rate}); err != nil {
			return nil, err
		}
		for _, c := range []curve{
			{" p50", false, func(r row) float64 { return r.P50Millis }},
			{" p99", true, func(r row) float64 { return r.P99Millis }},
		} {
			if err := res.draw(latency, s, c); err != nil {
				return nil, err
			}
		}
		startAtZero(&throughput.Y)
		setDecades(&latency.Y)
		grid = append(grid, []*plot.Plot{throughput, latency})
	}
	return render(grid)
}

// thousandsTicks returns the default ticks with other labels.
func thousandsTicks(lowest, highest float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(lowest, highest)
	for i := range ticks {
		if !ticks[i].IsMinor() {
			ticks[i].Label = thousands(ticks[i].Value)
		}
	}
	return ticks
}

// startAtZero makes an axis start at 0, with space for the legend at its end.
func startAtZero(axis *plot.Axis) {
	axis.Min = 0
	axis.Max *= 1.3
	axis.Tick.Marker = plot.TickerFunc(thousandsTicks)
}

// setDecades makes an axis logarithmic, from a power of ten to another one with space
// for the legend below it.
func setDecades(axis *plot.Axis) {
	lowest, highest := int(math.Floor(math.Log10(axis.Min))), int(math.Ceil(math.Log10(3*axis.Max)))
	axis.Scale = plot.LogScale{}
	axis.Min, axis.Max = math.Pow10(lowest), math.Pow10(highest)
	// plot.LogTicks omits the lowest decade if the logarithm is rounded up.
	var ticks plot.ConstantTicks
	for exponent := lowest; exponent <= highest; exponent++ {
		ticks = append(ticks, plot.Tick{Value: math.Pow10(exponent), Label: strconv.FormatFloat(math.Pow10(exponent), 'f', -1, 64)})
		for digit := 2; digit < 10 && exponent < highest; digit++ {
			ticks = append(ticks, plot.Tick{Value: float64(digit) * math.Pow10(exponent)})
		}
	}
	axis.Tick.Marker = ticks
}

// axis is the logarithmic X axis of a plot, and the title of the plot.
type axis struct {
	title, label string
	ticks        []int
}

func (s *sweep) axis() axis { return axis{s.group + ": " + s.series, "connections", s.connections} }

func newPlot(x axis, y string) *plot.Plot {
	p := plot.New()
	for _, style := range []*text.Style{
		&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle,
	} {
		style.Font.Variant = "Sans"
	}
	p.Title.Text = x.title
	p.X.Label.Text = x.label
	p.X.Scale = plot.LogScale{}
	var ticks plot.ConstantTicks
	for _, n := range x.ticks {
		ticks = append(ticks, plot.Tick{Value: float64(n), Label: thousands(float64(n))})
	}
	p.X.Tick.Marker = ticks
	p.Y.Label.Text = y
	p.Legend.Top, p.Legend.Left = true, true
	return p
}

// draw adds a line for each server with measurements, between the medians.
func (res *result) draw(p *plot.Plot, s sweep, c curve) error {
	for i, server := range res.Servers {
		var points plotter.XYs
		for _, n := range s.connections {
			y := median(res.valuesOf(func(r row) bool {
				return r.Group == s.group && r.Series == s.series && r.Connections == n && r.Server == server.Name
			}, c.figure))
			if y > 0 { // is false for NaN
				points = append(points, plotter.XY{X: float64(n), Y: y})
			}
		}
		if err := addLine(p, points, legend{server.Name + c.name, i, c.dashed}); err != nil {
			return err
		}
	}
	return nil
}

// legend is the name of a line, the number of its server, and whether the line is dashed.
type legend struct {
	name   string
	server int
	dashed bool
}

// addLine adds a line between points, unless there are none.
func addLine(p *plot.Plot, points plotter.XYs, l legend) error {
	if len(points) == 0 {
		return nil
	}
	line, marks, err := plotter.NewLinePoints(points)
	if err != nil {
		return err
	}
	line.Color, marks.Color = colorOf(l.server), colorOf(l.server)
	line.Width = vg.Points(1.5)
	marks.Shape = draw.CircleGlyph{}
	if l.dashed {
		line.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
	}
	p.Add(line, marks)
	p.Legend.Add(l.name, line)
	return nil
}

// colorOf returns the color of a server, as in the charts.
func colorOf(server int) color.Color {
	n, err := strconv.ParseUint(barColors[server%len(barColors)][1:], 16, 24)
	if err != nil {
		return color.Black
	}
	return color.RGBA{R: uint8(n >> 16), G: uint8(n >> 8), B: uint8(n), A: 0xff}
}

// render returns an SVG image with the plots in rows and columns.
func render(grid [][]*plot.Plot) ([]byte, error) {
	tiles := draw.Tiles{
		Rows: len(grid), Cols: len(grid[0]),
		PadX: 20, PadY: 20, PadTop: 8, PadBottom: 8, PadLeft: 8, PadRight: 8,
	}
	image := vgsvg.New(vg.Length(tiles.Cols*plotWidth), vg.Length(tiles.Rows*plotHeight))
	canvas := draw.New(image)
	canvas.SetColor(color.White)
	canvas.Fill(canvas.Rectangle.Path())
	for i, row := range plot.Align(grid, tiles, canvas) {
		for j, tile := range row {
			grid[i][j].Draw(tile)
		}
	}
	var b bytes.Buffer
	if _, err := image.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("cannot draw the plots: %w", err)
	}
	// Not every machine that shows the image has the font.
	return bytes.ReplaceAll(b.Bytes(), []byte("font-family:Liberation Sans"), []byte("font-family:Liberation Sans,Arial,sans-serif")), nil
}
