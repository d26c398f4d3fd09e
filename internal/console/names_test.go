package console_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
)

// Pages have the beginning of a long type or tag, with how much is left out and what has all of it.
func TestLongTypesAndTags(t *testing.T) {
	const size, more = 256 << 10, "… and 252.0 KiB more"
	d := newDeciding(t)
	first := items(dcb.QueryItem{Tags: []string{"first"}})
	for n := range 5 {
		d.append(dcb.Event{Type: strings.Repeat(string(rune('T'+n)), size), Tags: []string{"x", "first"}})
		d.append(dcb.Event{Type: "A", Tags: []string{"x", strings.Repeat(string(rune('a'+n)), size)}})
		d.reject([]dcb.Event{{Type: "B"}}, &dcb.AppendCondition{FailIfEventsMatch: first, After: uint64(2 * n)}, nil)
	}
	for path, cut := range map[string]int{ // with how many names are cut
		"/browse": 5, "/event?position=1": 1, "/event?position=2": 2, "/why?after=0&tag=first": 5,
		"/why.json?after=0&tag=first": 5, "/why.csv?after=0&tag=first": 5, "/rejections": 5, "/rejections.json": 5, "/rejections.csv": 0, "/data?position=1": 1,
		"/types": 5, "/types.json": 5, "/types.csv": 5, "/tags": 3, "/tags.json": 3, "/tags.csv": 3, "/tags?prefix=a": 1, "/tags.json?prefix=a": 1,
		"/graph": 5, "/graph.json": 5, "/graph?tag=x": 0, "/graph.json?tag=x": 0, "/timeline": 0, "/timeline.json": 0, "/": 0,
		"/complete/tags": 0, "/complete/types": 0, "/code?position=1": 0,
	} {
		page := d.get(path, http.StatusOK)
		if got := strings.Count(page, more); len(page) > 100<<10 || got < cut || cut == 0 && got > 0 {
			t.Errorf("%s has %d bytes and %d names that are cut, want at most 100 KiB and at least %d names", path, len(page), got, cut)
		}
	}
	for path, want := range map[string]string{
		"/types": "umadb types --all", "/tags": "umadb tags --all", "/tags?prefix=a": "umadb tags --all",
		"/event?position=1": "command and curl</a> have all of it", "/event?position=2": "command and curl</a> have all of it",
		"/code?position=1": "--start 1 --limit 1 --json",
	} {
		if page := d.get(path, http.StatusOK); !strings.Contains(page, want) {
			t.Errorf("%s does not have %q", path, want)
		}
	}
	if page := d.get("/types", http.StatusOK); strings.Count(page, `class="type" href`) != 1 {
		t.Error("a type that is cut is a link")
	}
	if page := d.graph("/graph.json?tag=x"); len(page.Nodes) != 1 || page.More != 5 {
		t.Errorf("the graph has %d tags and %d more", len(page.Nodes), page.More)
	}
	var page struct{ Event struct{ Type string } }
	d.json("/event.json?position=1", &page)
	if len(page.Event.Type) != size {
		t.Errorf("the JSON of an event has %d bytes of its type", len(page.Event.Type))
	}
}

func (s *site) graph(path string) (data graph) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.get(path, http.StatusOK)), &data); err != nil {
		s.t.Fatal(err)
	}
	return data
}

// A graph with long tags has few of them, since each pair repeats two.
func TestGraphOfLongTags(t *testing.T) {
	s := newSite(t)
	event := dcb.Event{Type: "A", Tags: []string{"x"}}
	for n := range 60 {
		event.Tags = append(event.Tags, fmt.Sprintf("%03d:%s", n, strings.Repeat("n", 60<<10)))
	}
	event.Tags = append(event.Tags, "short")
	s.append(event)
	if page := s.graph("/graph.json?tag=x"); len(page.Nodes) != 1 || page.Nodes[0].Tag != "short" || page.More != 60 {
		t.Errorf("the graph has %d tags and %d more", len(page.Nodes), page.More)
	}
}
