package console_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/server"
)

// chips returns where the types and tags of events on a page lead, each with its text before the link.
func (s *site) chips(path string) (chips []string) {
	s.t.Helper()
	page, err := html.Parse(strings.NewReader(s.get(path, http.StatusOK)))
	if err != nil {
		s.t.Fatal(err)
	}
	return chipsOf(page)
}

func chipsOf(page *html.Node) (chips []string) {
	for node := range page.Descendants() {
		if class := attribute(node, "class"); class == "type" || class == "tag" {
			chips = append(chips, strings.TrimSpace(text(node)+" "+attribute(node, "href")))
		}
	}
	return chips
}

// Under a query, a type or tag of an event narrows it, and elsewhere it leads to all events with it.
func TestTypesAndTagsNarrowTheQuery(t *testing.T) {
	d := newDeciding(t)
	event := dcb.Event{Type: "A", Tags: []string{"x", "y z"}}
	d.append(event)
	d.reject([]dcb.Event{{Type: "B", Tags: []string{"x"}}}, &dcb.AppendCondition{FailIfEventsMatch: items(dcb.QueryItem{Tags: []string{"x"}})}, nil)
	for path, want := range map[string][]string{
		"/browse":       {"A /browse?type=A", "x /browse?tag=x", "y z /browse?tag=y+z"},
		"/browse?tag=x": {"A /browse?tag=x&type=A", "x /browse?tag=x", "y z /browse?tag=x&tag=y+z"},
		"/browse?limit=9&order=oldest&since=1h&start=1&type=A&type=B&view=hex": {
			"A /browse?limit=9&order=oldest&since=1h&type=A&view=hex",
			"x /browse?limit=9&order=oldest&since=1h&tag=x&type=A&type=B&view=hex",
			"y z /browse?limit=9&order=oldest&since=1h&tag=y+z&type=A&type=B&view=hex",
		},
		"/browse?after=0&tag=x": {"A /browse?order=oldest&tag=x&type=A", "x /browse?order=oldest&tag=x", "y z /browse?order=oldest&tag=x&tag=y+z"},
		"/browse?item=type%3DB+tag%3Dx&tag=x": {
			"A /browse?tag=x&type=A", "x /browse?item=type%3DB+tag%3Dx&tag=x",
			"y z /browse?item=" + url.QueryEscape(`{"types":["B"],"tags":["x","y z"]}`) + "&tag=x&tag=y+z",
		},
		"/browse?item=tag%3Dx&tag=y+z": {
			"A /browse?item=type%3DA+tag%3Dx&tag=y+z&type=A",
			"x /browse?item=tag%3Dx&tag=y+z&tag=x",
			"y z /browse?item=" + url.QueryEscape(`{"tags":["x","y z"]}`) + "&tag=y+z",
		},
		"/why?after=0&tag=x":   {"A /why?after=0&tag=x&type=A", "x /why?after=0&tag=x", "y z /why?after=0&tag=x&tag=y+z"},
		"/event?position=1":    {"A /browse?type=A", "x /browse?tag=x", "y z /browse?tag=y+z", "x /browse?tag=x", "y z /browse?tag=y+z"},
		"/rejections?tag=x":    {"B /browse?type=B", "x /browse?tag=x", "A /browse?type=A", "x /browse?tag=x", "y z /browse?tag=y+z"},
		"/types":               {"A /browse?type=A"},
		"/data?position=1":     {"A /browse?type=A"},
		"/tags?prefix=x":       {"x /browse?tag=x"},
		"/browse?tag=x&tag=no": nil,
	} {
		if got := d.chips(path); !slices.Equal(got, want) {
			t.Errorf("%s has %q, want %q", path, got, want)
		}
	}
	long := "/browse?" + url.Values{"tag": {"x"}, "item": {"tag=" + strings.Repeat("n", 600)}}.Encode()
	if got, want := d.chips(long), []string{"A", "x", "y z"}; !slices.Equal(got, want) {
		t.Errorf("under a long query, the chips are %q", got)
	}
}

// New events in Live narrow its query from the same position on.
func TestTypesAndTagsInLive(t *testing.T) {
	s := newSite(t)
	s.append(dcb.Event{Type: "A", Tags: []string{"x"}}, dcb.Event{Type: "A", Tags: []string{"x", "y"}})
	next := s.stream("after=1&tag=x&view=text", "")
	message := next()
	for message.event != "events" {
		message = next()
	}
	page, err := html.Parse(strings.NewReader(message.HTML))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"A /live?after=1&tag=x&type=A&view=text", "x /live?after=1&tag=x&view=text", "y /live?after=1&tag=x&tag=y&view=text"}
	if got := chipsOf(page); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The types and tags of an event that a key with limits reads by an item lead to events that it permits.
func TestTypesAndTagsWithLimitedKey(t *testing.T) {
	for name, limit := range limits {
		limit.key.Rights |= server.RightRead
		s := newLimitedSite(t, limit.key)
		s.tenants()
		for _, path := range []string{"/browse?" + limit.query, "/event?position=4&" + limit.query, "/data?position=4&" + limit.query} {
			chips := s.chips(path)
			for _, chip := range chips {
				_, link, _ := strings.Cut(chip, " ")
				if body := s.get(link, http.StatusOK); !strings.Contains(body, "open") {
					t.Errorf("%s: %s leads to %s", name, chip, body)
				}
			}
			if len(chips) == 0 {
				t.Errorf("%s: %s has none", name, path)
			}
		}
	}
}
