package console

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// minWidth is the minimum width of a drawn extent in percent of the drawing. Adjacent extents that are
// narrower are drawn as one, so that a row of thousands of files can be read.
const minWidth = 0.4

// drawingRow is a row of the drawing of a store: positions from left to right.
type drawingRow struct {
	Title  string
	Count  string // such as 3 files
	Events uint64
	Bytes  uint64
	Bars   []bar
}

// bar is one extent, or adjacent ones.
type bar struct {
	X, Width float64 // in percent
	Class    string
	Text     string
	Count    int

	first, last, events, bytes uint64
	name, kind                 string
}

// Rows returns the rows of the drawing: the index from the head blocks to the highest level, and
// then the log.
func (d *storeData) Rows() (rows []drawingRow) {
	levels := map[uint32][]extentData{}
	for _, b := range d.Blocks {
		levels[b.Level] = append(levels[b.Level], b)
	}
	rows = append(rows, d.row("Index in memory", "block", d.HeadBlocks))
	for _, level := range slices.Sorted(maps.Keys(levels)) {
		rows = append(rows, d.row(fmt.Sprintf("Index level %d", level), "file", levels[level]))
	}
	return append(rows, d.row("Log", "segment", d.Segments))
}

// Marks returns positions for the axis of the drawing.
func (d *storeData) Marks() []uint64 {
	if d.Head < 3 {
		return nil
	}
	return []uint64{1, (d.Head + 1) / 2, d.Head}
}

func (d *storeData) row(title, unit string, extents []extentData) drawingRow {
	r := drawingRow{Title: title, Count: plural(len(extents), unit)}
	for _, e := range extents {
		r.Events += e.Events
		r.Bytes += e.Bytes
		if e.Events > 0 && e.Last <= d.Head {
			r.add(e, d.Head)
		}
	}
	for i := range r.Bars {
		b := &r.Bars[i]
		b.Width = max(b.Width, minWidth)
		b.X = min(b.X, 100-b.Width)
		b.Text = b.text()
	}
	return r
}

// add adds an extent to the last bar if that is too narrow to be seen, else as another bar.
func (r *drawingRow) add(e extentData, head uint64) {
	percent := func(positions uint64) float64 { return 100 * float64(positions) / float64(head) }
	next := bar{
		X: percent(e.First - 1), Width: percent(e.Events), Class: cmp.Or(e.State, "usual"), Count: 1,
		first: e.First, last: e.Last, events: e.Events, bytes: e.Bytes, name: cmp.Or(e.Name, e.Kind), kind: e.Kind,
	}
	n := len(r.Bars)
	if n == 0 || r.Bars[n-1].Class != next.Class || r.Bars[n-1].last+1 != next.first || r.Bars[n-1].Width >= minWidth {
		r.Bars = append(r.Bars, next)
		return
	}
	b := &r.Bars[n-1]
	b.Width += next.Width
	b.last = next.last
	b.events += next.events
	b.bytes += next.bytes
	b.Count++
}

// text describes a bar.
func (b *bar) text() string {
	what := b.name
	if b.Count > 1 {
		what = plural(b.Count, b.kind)
	}
	if b.Class != "usual" {
		what += " (" + b.Class + ")"
	}
	return fmt.Sprintf("%s: positions %s to %s, %s", what, number(b.first), number(b.last), byteSize(b.bytes))
}

// plural formats a number of things.
func plural(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return number(n) + " " + unit + "s"
}

// listedExtents is the maximum number of segments and of blocks in the table of the page. The CSV
// has all.
const listedExtents = 50

// Listed returns the newest extents of each kind, the newest first.
func (d *storeData) Listed() (listed []extentData) {
	for _, all := range [][]extentData{d.HeadBlocks, d.Blocks, d.Segments} {
		newest := slices.Clone(all[max(0, len(all)-listedExtents):])
		slices.Reverse(newest)
		listed = append(listed, newest...)
	}
	return listed
}

// Unlisted returns the number of extents that are not in Listed.
func (d *storeData) Unlisted() (n int) {
	for _, all := range [][]extentData{d.HeadBlocks, d.Blocks, d.Segments} {
		n += max(0, len(all)-listedExtents)
	}
	return n
}
