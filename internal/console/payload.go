package console

import (
	"encoding/hex"
	"html/template"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/umadb-go/umadb/dcb"
)

// payload is the data of an event for display.
type payload struct {
	Position uint64
	Size     int
	// JSON is the data with indentation and highlighting; empty if it is not JSON.
	JSON template.HTML
	// Text is the data if it is text, but not JSON.
	Text string
	// Hex is a hexadecimal dump, if the data is neither.
	Hex string
	// Cut is set if there is more data than this.
	Cut bool
	// View is the view that shows it: empty for JSON, "text", "hex" or "none".
	View string
	// by is the item of a query by which the event was read, for the links.
	by dcb.QueryItem
}

const (
	// listedBytes is the maximum size of data in a list of events, shownBytes that on a page of its
	// own. A dump is five times as large as the data.
	listedBytes = 8 << 10
	shownBytes  = 1 << 20
)

// newPayload returns data in a view, at most about so many bytes of it. Data that is not JSON is shown as text, and
// data that is not text as a dump.
func newPayload(position uint64, data []byte, view string, most int) payload {
	p := payload{Position: position, Size: len(data), View: view}
	switch {
	case view == "none" || len(data) == 0:
		return p
	case view == "" && len(data) <= shownBytes && jsontext.Value(data).IsValid():
		p.JSON, p.Cut = highlight(data, most)
		return p
	case view == "hex" || view != "text" && !utf8.Valid(data):
		p.View = "hex"
		shown := data[:min(len(data), most/5)]
		p.Hex, p.Cut = hex.Dump(shown), len(shown) < len(data)
		return p
	}
	p.View = "text"
	shown := cutText(data, most)
	p.Text, p.Cut = strings.ToValidUTF8(string(shown), "\ufffd"), len(shown) < len(data)
	return p
}

// Views returns the links to other views of the data.
func (p payload) Views() (choices []viewChoice) {
	for _, v := range views[:3] {
		choices = append(choices, viewChoice{v.value, v.label, linkEvent("/data", p.Position, p.by, "view", v.value), p.View == v.value})
	}
	return choices
}

// Whole returns the link to more of the data.
func (p payload) Whole() string { return linkEvent("/data", p.Position, p.by, "view", p.View) }

// Download returns the link to all of the data as a file.
func (p payload) Download() string { return linkEvent("/data/download", p.Position, p.by) }

// cutText returns at most so many bytes of text, without half a character at the end.
func cutText(text []byte, most int) []byte {
	if len(text) <= most {
		return text
	}
	for n := most; n > most-utf8.UTFMax; n-- {
		if utf8.RuneStart(text[n]) {
			return text[:n]
		}
	}
	return text[:most]
}
