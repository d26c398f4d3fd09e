package console_test

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/umadb-go/umadb/dcb"
)

// timelineJSON is what the tests use of the data of the timeline.
type timelineJSON struct {
	From, To time.Time
	Step     string
	Events   uint64
	Periods  []struct {
		From, To time.Time
		Events   uint64
		Counts   []uint64
	}
	Series []struct {
		Type   string
		Others bool
		Events uint64
	}
}

// timeline returns the data of a timeline, whose numbers must agree with each other.
func (s *site) timeline(query string) (data timelineJSON) {
	s.t.Helper()
	s.json("/timeline.json?"+query, &data)
	sums := make([]uint64, len(data.Series))
	events := uint64(0)
	for i, p := range data.Periods {
		sum := uint64(0)
		for n, count := range p.Counts {
			sums[n] += count
			sum += count
		}
		if events += p.Events; sum != p.Events {
			s.t.Errorf("%s: period %d has %d events, and its types %d", query, i, p.Events, sum)
		}
		if !p.From.Before(p.To) || i > 0 && !p.From.Equal(data.Periods[i-1].To) {
			s.t.Errorf("%s: period %d is from %v to %v", query, i, p.From, p.To)
		}
	}
	if events != data.Events {
		s.t.Errorf("%s: there are %d events, and %d in the periods", query, data.Events, events)
	}
	for n, series := range data.Series {
		if series.Events != sums[n] {
			s.t.Errorf("%s: %q has %d events, and %d in the periods", query, series.Type, series.Events, sums[n])
		}
	}
	if n := len(data.Periods); n > 120 {
		s.t.Errorf("%s: there are %d periods", query, n)
	}
	return data
}

// series returns the types with their numbers of events, as text.
func (d timelineJSON) series() string {
	var all []string
	for _, series := range d.Series {
		name := series.Type
		if series.Others {
			name = "others"
		}
		all = append(all, fmt.Sprint(name, " ", series.Events))
	}
	return strings.Join(all, ", ")
}

func TestTimelineCountsByType(t *testing.T) {
	s := newSite(t)
	for n := range 10 { // type 9 has the most events, type 0 one
		for range n + 1 {
			s.append(dcb.Event{Type: fmt.Sprint("T", n), Tags: []string{"x", fmt.Sprint("odd:", n%2)}})
		}
	}
	for query, want := range map[string]string{
		"":                                   "T9 10, T8 9, T7 8, T6 7, T5 6, T4 5, T3 4, others 6",
		"tag=odd:1":                          "T9 10, T7 8, T5 6, T3 4, T1 2",
		"type=T1&type=T2&tag=x":              "T2 3, T1 2",
		"type=T1&item=type%3DT4+tag%3Dodd:0": "T4 5, T1 2",
		"type=T1&item=tag%3Dodd:0":           "T8 9, T6 7, T4 5, T2 3, T1 2, T0 1",
	} {
		if got := s.timeline(query).series(); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

// The links of a timeline lead to those events that it counts.
func TestTimelineLinks(t *testing.T) {
	s := newSite(t)
	for n := range 40 {
		s.append(dcb.Event{Type: fmt.Sprint("T", n%3), Tags: []string{"x"}})
	}
	links := s.classLinks("/timeline?tag=x", "browse")
	events := 0
	for _, link := range links {
		events += len(s.texts(link, "position"))
	}
	if events != 40 {
		t.Errorf("%d links lead to %d events, want 40", len(links), events)
	}
	zoomed := uint64(0)
	for _, link := range s.classLinks("/timeline?tag=x", "zoom") {
		zoomed += s.timeline(strings.TrimPrefix(link, "/timeline?")).Events
	}
	if zoomed != 40 {
		t.Errorf("the links to the periods lead to %d events, want 40", zoomed)
	}
	for _, link := range s.classLinks("/timeline?tag=x&since=1h", "button") {
		if data := s.timeline(strings.TrimPrefix(link, "/timeline?")); strings.Contains(link, "since") && data.Events > 40 {
			t.Errorf("%s has %d events", link, data.Events)
		}
	}
}

func TestTimelineIsATable(t *testing.T) {
	s := newSite(t)
	s.append(dcb.Event{Type: "A"}, dcb.Event{Type: "A"}, dcb.Event{Type: "B"})
	rows, err := csv.NewReader(strings.NewReader(s.get("/timeline.csv", http.StatusOK))).ReadAll()
	if err != nil || len(rows) != 2 || fmt.Sprint(rows[0]) != "[from to events A B]" || fmt.Sprint(rows[1][2:]) != "[3 2 1]" {
		t.Errorf("the table is %q, %v", rows, err)
	}
}

// A range without a bound is whole periods with the events that match; since alone ends now.
func TestTimelineRange(t *testing.T) {
	s := newSite(t)
	s.append(dcb.Event{Type: "A"})
	all := s.timeline("")
	if size := all.To.Sub(all.From); len(all.Periods) != 1 || size != time.Millisecond {
		t.Errorf("one event is in a range of %v with %d periods", size, len(all.Periods))
	}
	time.Sleep(3 * time.Millisecond)
	s.append(dcb.Event{Type: "A", Tags: []string{"later"}})
	data := s.timeline("")
	step, err := time.ParseDuration(strings.ReplaceAll(data.Step, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range data.Periods {
		if size := p.To.Sub(p.From); size != step {
			t.Errorf("the period from %v has a size of %v, want %v", p.From, size, step)
		}
	}
	if hour := s.timeline("since=1h&tag=later"); hour.Step != "1 min" || hour.Events != 1 || hour.To.Sub(hour.From) < time.Hour {
		t.Errorf("an hour has periods of %s, and %d events", hour.Step, hour.Events)
	}
	year := all.To.UTC().Year()
	years := s.timeline(fmt.Sprintf("since=%d-01-31T12:00Z&until=%d-07-01T00:00Z", year-6, year+1))
	if first := years.Periods[0].To; years.Step != "1 month" || !first.Equal(time.Date(year-6, 2, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("years have periods of %s, the first one up to %v", years.Step, first)
	}
	if before := s.texts("/timeline?until=1h", "notice"); len(before) != 1 || !strings.Contains(before[0], "No event matches in this range") {
		t.Errorf("a range without events: %q", before)
	}
	if absent := s.texts("/timeline?tag=absent", "notice"); len(absent) != 1 || !strings.Contains(absent[0], "No event has the tag absent") {
		t.Errorf("a query that nothing matches: %q", absent)
	}
	s.get("/timeline?start=7", http.StatusBadRequest)
}

func TestTimelineOfPlainServer(t *testing.T) {
	s := newSite(t, makePlain)
	s.append(dcb.Event{Type: "A"})
	if page := s.get("/timeline", http.StatusNotImplemented); !strings.Contains(page, errPlain.Detail) || !strings.Contains(page, `name="since"`) {
		t.Errorf("the page does not have the problem and the form: %s", page)
	}
	s.get("/timeline.json", http.StatusNotImplemented)
}

// classLinks returns the links of a page with a class.
func (s *site) classLinks(path, class string) (links []string) {
	s.t.Helper()
	page, err := html.Parse(strings.NewReader(s.get(path, http.StatusOK)))
	if err != nil {
		s.t.Fatal(err)
	}
	for node := range page.Descendants() {
		attributes := map[string]string{}
		for _, a := range node.Attr {
			attributes[a.Key] = a.Val
		}
		if node.Data == "a" && slices.Contains(strings.Fields(attributes["class"]), class) {
			links = append(links, attributes["href"])
		}
	}
	return links
}

// Browse leads to the timeline of its events.
func TestBrowseLeadsToTimeline(t *testing.T) {
	s := newSite(t)
	s.append(dcb.Event{Type: "A", Tags: []string{"x"}}, dcb.Event{Type: "B", Tags: []string{"x"}}, dcb.Event{Type: "B"})
	if page := s.get("/browse?tag=x&since=1h&order=oldest&start=1&view=hex", http.StatusOK); !strings.Contains(page, `href="/timeline?since=1h&amp;tag=x"`) {
		t.Errorf("the page has no link to the timeline: %s", page)
	}
	if data := s.timeline("since=1h&tag=x"); data.Events != 2 || len(data.Series) != 2 {
		t.Errorf("it has %d events of %d types", data.Events, len(data.Series))
	}
}
