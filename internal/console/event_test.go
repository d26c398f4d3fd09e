package console_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
)

// eventPage is what the tests read of the JSON of /event.
type eventPage struct {
	Event          struct{ Position uint64 }
	Head           uint64
	Previous, Next *struct{ Position uint64 }
	Commit         []struct{ Position uint64 }
	MoreBefore     bool `json:"more_before"`
	MoreAfter      bool `json:"more_after"`
	Tags           []struct {
		Tag            string
		Previous, Next *struct{ Position uint64 }
	}
	MoreTags   int `json:"more_tags"`
	Rejections []struct{ Number uint64 }
}

func (s *site) event(position uint64) (page eventPage) {
	s.t.Helper()
	s.json(fmt.Sprint("/event.json?position=", position), &page)
	return page
}

// positionOf returns the position of an event, or 0 if there is none.
func positionOf(e *struct{ Position uint64 }) uint64 {
	if e == nil {
		return 0
	}
	return e.Position
}

// The page of each event has what is around it in the store.
func TestEventsAround(t *testing.T) {
	s := newSite(t)
	for n := range 12 {
		var events []dcb.Event
		for i := range n%3 + 1 {
			events = append(events, dcb.Event{Type: "T", Tags: []string{fmt.Sprint("n", n%2), fmt.Sprint("i", i), fmt.Sprint("n", n%2), "n i"}})
		}
		s.append(events...)
	}
	all, head, err := s.store.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range all {
		page := s.event(e.Position)
		if page.Event.Position != e.Position || page.Head != head || positionOf(page.Previous) != e.Position-1 || positionOf(page.Next) != (e.Position+1)%(head+1) {
			t.Errorf("event %d: %+v", e.Position, page)
		}
		first, last := i, i
		for first > 0 && all[first-1].RecordedAt.Equal(e.RecordedAt) {
			first--
		}
		for last+1 < len(all) && all[last+1].RecordedAt.Equal(e.RecordedAt) {
			last++
		}
		if len(page.Commit) != last-first+1 || page.Commit[0].Position != all[first].Position {
			t.Errorf("event %d: its commit is %+v, want %d events from %d", e.Position, page.Commit, last-first+1, all[first].Position)
		}
		if len(page.Tags) != 3 {
			t.Errorf("event %d has the tags %+v", e.Position, page.Tags)
		}
		for _, tag := range page.Tags {
			has := func(e dcb.SequencedEvent) bool { return slices.Contains(e.Event.Tags, tag.Tag) }
			var before, after uint64
			for _, other := range all[:i] {
				if has(other) {
					before = other.Position
				}
			}
			if next := slices.IndexFunc(all[i+1:], has); next >= 0 {
				after = all[i+1+next].Position
			}
			if positionOf(tag.Previous) != before || positionOf(tag.Next) != after {
				t.Errorf("event %d: events with the tag %s are %d and %d, want %d and %d", e.Position, tag.Tag, positionOf(tag.Previous), positionOf(tag.Next), before, after)
			}
		}
	}
}

// A large commit, and an event with many tags, are shown in part.
func TestEventOfLargeCommit(t *testing.T) {
	s := newSite(t)
	events := make([]dcb.Event, 100)
	for i := range 30 {
		events[50].Tags = append(events[50].Tags, fmt.Sprint("tag:", i))
	}
	s.append(events...)
	page := s.event(51)
	if len(page.Commit) != 41 || page.Commit[0].Position != 31 || !page.MoreBefore || !page.MoreAfter || len(page.Tags) != 20 || page.MoreTags != 10 {
		t.Errorf("got %+v", page)
	}
	if page := s.event(100); len(page.Commit) != 21 || !page.MoreBefore || page.MoreAfter || page.Next != nil {
		t.Errorf("got %+v", page)
	}
	if page := s.event(21); len(page.Commit) != 41 || page.MoreBefore || !page.MoreAfter {
		t.Errorf("got %+v", page)
	}
}

// What is read of a commit of large events is bounded in bytes.
func TestEventOfCommitOfLargeEvents(t *testing.T) {
	s := newSite(t)
	events := make([]dcb.Event, 15)
	for i := range events {
		events[i].Data = make([]byte, 1<<20)
	}
	s.append(events...)
	page := s.event(10)
	if len(page.Commit) != 14 || page.Commit[0].Position != 2 || !page.MoreBefore || page.MoreAfter {
		t.Errorf("got %+v", page)
	}
}

func TestEventViews(t *testing.T) {
	s := newSite(t)
	s.append(dcb.Event{Type: "A", Data: []byte(`{"a":1}`)})
	for view, want := range map[string]string{"": "{\n  \"a\": 1\n}", "text": `{"a":1}`, "hex": "00000000  7b 22 61 22 3a 31 7d                              |{\"a\":1}|"} {
		if got := s.texts("/event?position=1&view="+view, "data"); !slices.Equal(got, []string{want}) {
			t.Errorf("view %q: %q, want %q", view, got, want)
		}
	}
	for position, status := range map[string]int{"2": http.StatusNotFound, "0": http.StatusBadRequest, "x": http.StatusBadRequest, "": http.StatusBadRequest} {
		if page := s.get("/event?position="+position, status); !strings.Contains(page, `name="position"`) || strings.Contains(page, `name="tag"`) {
			t.Errorf("position %q: the page has not only the form for a position: %s", position, page)
		}
	}
}

// The page has the rejections that the event has caused, and a condition that it breaks.
func TestEventConflicts(t *testing.T) {
	d := newDeciding(t)
	d.append(dcb.Event{Type: "A", Tags: []string{"x y"}}, dcb.Event{Type: "B"}, dcb.Event{})
	d.reject([]dcb.Event{{Type: "C"}}, &dcb.AppendCondition{FailIfEventsMatch: items(dcb.QueryItem{Types: []string{"B"}})}, nil)
	d.reject([]dcb.Event{{Type: "C"}}, &dcb.AppendCondition{After: 1}, nil)
	for position, want := range map[uint64][]uint64{1: nil, 2: {2, 1}, 3: nil} {
		var got []uint64
		for _, r := range d.event(position).Rejections {
			got = append(got, r.Number)
		}
		if !slices.Equal(got, want) {
			t.Errorf("event %d: the rejections are %v, want %v", position, got, want)
		}
		links := d.links(fmt.Sprint("/event?position=", position))
		n := slices.IndexFunc(links, func(l string) bool { return strings.HasPrefix(l, "/why?") })
		if n < 0 {
			t.Errorf("event %d has no link to a condition: %q", position, links)
			continue
		}
		if page := d.why(links[n]); !page.Rejected || page.Conflicts[0].Event.Position != position {
			t.Errorf("event %d: %s has %+v", position, links[n], page)
		}
	}
}

// A server without recorded times, and without a service for operators, has no commits and no
// rejections.
func TestEventOfPlainServer(t *testing.T) {
	s := newSite(t, makePlain)
	s.append(dcb.Event{Type: "A"})
	s.get("/event?position=1", http.StatusOK)
}
