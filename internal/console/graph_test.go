package console_test

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
)

// graph is the JSON of the page.
type graph struct {
	Events int
	Cut    bool
	Oldest uint64
	Nodes  []graphNode
	More   int
	Edges  []graphEdge
}

type graphNode struct {
	Tag    string
	Events int
}

type graphEdge struct {
	A, B   string
	Events int
}

func TestGraphCountsTagsOfTheSameEvents(t *testing.T) {
	s := newSite(t)
	for _, tags := range [][]string{
		{"course:1"},
		{"course:1", "student:1"},
		{"course:1", "student:2", "lab:1"},
		{"student:2", "course:1", "lab:1", "lab:1", "course:1"}, // a tag counts once in an event
		{"course:2", "student:1", "lab:9"},                      // without the tag
	} {
		s.append(dcb.Event{Type: "A", Tags: tags})
	}
	var got graph
	s.json("/graph.json?tag=course:1", &got)
	want := graph{
		Events: 4,
		Oldest: 1,
		Nodes:  []graphNode{{"lab:1", 2}, {"student:2", 2}, {"student:1", 1}},
		Edges:  []graphEdge{{"lab:1", "student:2", 2}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the graph is %+v, want %+v", got, want)
	}
	if got, want := s.get("/graph.csv?tag=course:1", http.StatusOK), "tag,other_tag,events\ncourse:1,lab:1,2\ncourse:1,student:2,2\ncourse:1,student:1,1\nlab:1,student:2,2\n"; got != want {
		t.Errorf("the CSV is %q, want %q", got, want)
	}
	if got := s.links("/graph?tag=course:1"); !slices.Contains(got, "/browse?tag=course%3A1&tag=student%3A2") || !slices.Contains(got, "/graph?tag=student%3A2") {
		t.Errorf("no links to the pair and to the graph of student:2: %v", got)
	}
}

// In the tables, the numbers are the links to the events, and no column has links without numbers.
func TestGraphNumbersAreLinks(t *testing.T) {
	s := newSite(t)
	s.append(slices.Repeat([]dcb.Event{{Type: "A", Tags: []string{"x", "y", "z"}}}, 1200)...)
	const path = "/graph?tag=x"
	links := s.links(path)
	for _, want := range []string{"/browse?tag=x&tag=y", "/browse?tag=x&tag=z", "/browse?tag=x&tag=y&tag=z"} {
		if !slices.Contains(links, want) {
			t.Errorf("no link to %s: %q", want, links)
		}
	}
	if got, want := s.texts(path, "number"), []string{"Events with both", "1\u202f200", "1\u202f200", "Events with all three", "1\u202f200"}; !slices.Equal(got, want) {
		t.Errorf("the columns of numbers have %q, want %q", got, want)
	}
	if got, want := s.elements(path, "th"), []string{"Tag", "Events with both", "Tag", "Other tag", "Events with all three"}; !slices.Equal(got, want) {
		t.Errorf("the columns are %q, want %q", got, want)
	}
}

// Of a frequent tag, the newest events are counted and the most frequent tags shown, and the page
// says what is omitted.
func TestGraphOfAFrequentTagIsCut(t *testing.T) {
	s := newSite(t)
	var events []dcb.Event
	for n := range 2100 {
		events = append(events, dcb.Event{Type: "A", Tags: []string{"all", fmt.Sprintf("n:%d", n%70)}})
	}
	s.append(events...)
	var got graph
	s.json("/graph.json?tag=all", &got)
	if got.Events != 2000 || !got.Cut || got.Oldest != 101 || len(got.Nodes) != 60 || got.More != 10 {
		t.Errorf("%d events from %d (cut: %v), %d nodes and %d more", got.Events, got.Oldest, got.Cut, len(got.Nodes), got.More)
	}
	if page := s.get("/graph?tag=all", http.StatusOK); !strings.Contains(page, "older ones are not counted") || !strings.Contains(page, "10 other tags are omitted") {
		t.Error("the page does not say that it is cut")
	}
}

func TestGraphWithoutATagListsFrequentTags(t *testing.T) {
	s := newSite(t)
	s.append(dcb.Event{Type: "A", Tags: []string{"x", "y"}}, dcb.Event{Type: "A", Tags: []string{"y"}})
	if got := s.links("/graph"); !slices.Contains(got, "/graph?tag=y") || !slices.Contains(got, "/graph?tag=x") {
		t.Errorf("no links to the graphs of x and y: %v", got)
	}
	if page := s.get("/graph?tag=never", http.StatusOK); !strings.Contains(page, "No event has this tag") {
		t.Error("the page does not say that no event has the tag")
	}
}
