package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// Dimensions of the chart, in pixels.
const (
	chartWidth  = 950
	chartLabels = 420 // width of the names
	chartBars   = 400 // width of the longest bar
	barHeight   = 15
	chartHeader = 34
	chartGap    = 10
)

var barColors = []string{"#2563eb", "#d97706", "#059669", "#9333ea"}

// chart returns an SVG bar chart of a figure of every workload. Each workload has its own
// scale, in which the longest bar has full width.
func (res *result) chart(title string, figure func(row) float64, show func(float64) string) string {
	var bars strings.Builder
	y := chartHeader
	for _, group := range res.groups() {
		for _, workload := range res.workloads(group) {
			label(&bars, 8, y+barHeight-3, group+": "+workload)
			figures := make([]float64, len(res.Servers))
			for i, s := range res.Servers {
				figures[i] = median(res.values(group, workload, s.Name, figure))
			}
			drawBars(&bars, figures, y, show)
			y += len(res.Servers)*barHeight + chartGap
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="11">`+"\n", chartWidth, y)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/>`+"\n", chartWidth, y)
	for i, s := range res.Servers {
		x := chartLabels + i*120
		bar(&b, x, 10, 12, barColors[i%len(barColors)])
		label(&b, x+18, 20, s.Name)
	}
	label(&b, 8, 20, title)
	return b.String() + bars.String() + "</svg>\n"
}

// drawBars draws a bar for each server. A figure is NaN if the server was not measured.
func drawBars(b *strings.Builder, figures []float64, y int, show func(float64) string) {
	longest := 0.0
	for _, f := range figures {
		if !math.IsNaN(f) {
			longest = max(longest, f)
		}
	}
	for i, f := range figures {
		width := 0
		if longest > 0 && !math.IsNaN(f) {
			width = int(f / longest * chartBars)
		}
		bar(b, chartLabels, y, width, barColors[i%len(barColors)])
		label(b, chartLabels+width+6, y+barHeight-4, show(f))
		y += barHeight
	}
}

func bar(b *strings.Builder, x, y, width int, color string) {
	fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`+"\n", x, y, width, barHeight-3, color)
}

func label(b *strings.Builder, x, y int, text string) {
	fmt.Fprintf(b, `<text x="%d" y="%d">%s</text>`+"\n", x, y, html.EscapeString(text))
}
