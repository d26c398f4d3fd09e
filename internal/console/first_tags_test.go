package console_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
)

// Pages show the first tags of an event and the number of the others, and so does JSON where an event is beside
// other things. What matches is decided with all of them.
func TestEventsWithManyTags(t *testing.T) {
	d := newDeciding(t)
	const tags, events = 20_000, 4
	event := dcb.Event{Type: "A", Metadata: []dcb.Metadata{{Key: "k", Value: strings.Repeat("v", 60<<10)}}}
	for n := range tags {
		event.Tags = append(event.Tags, fmt.Sprintf("tag:%05d", n))
	}
	last := items(dcb.QueryItem{Tags: []string{event.Tags[tags-1]}})
	for n := range uint64(events) {
		d.append(event)
		d.reject([]dcb.Event{{Type: "B", Tags: event.Tags}}, &dcb.AppendCondition{FailIfEventsMatch: last, After: n}, nil)
	}
	const lastTag = "tag=tag:19999"
	for path, most := range map[string]int{
		"/rejections": 60 << 10, "/rejections.json": 40 << 10, "/rejections.csv": 40 << 10,
		"/why?after=0&" + lastTag: 60 << 10, "/why.json?after=0&" + lastTag: 40 << 10, "/why.csv?after=0&" + lastTag: 40 << 10,
		"/browse?" + lastTag: 60 << 10, "/event?position=2": 400 << 10, "/event.json?position=2": 1 << 20,
	} {
		if got := d.get(path, http.StatusOK); len(got) > most {
			t.Errorf("%s has %d bytes, want at most %d", path, len(got), most)
		}
	}
	for path, want := range map[string]int{"/rejections": 8, "/why?after=0&" + lastTag: 4, "/browse?" + lastTag: 4, "/event?position=2": 1} {
		lists := d.texts(path, "tags")
		if len(lists) != want {
			t.Errorf("%s has %d lists of tags, want %d", path, len(lists), want)
		}
		for _, list := range lists {
			if shown := strings.Count(list, "tag:"); shown != 20 || !strings.HasSuffix(list, "and 19\u202f980 more tags") {
				t.Errorf("%s shows %d tags of an event: %q", path, shown, list)
			}
		}
	}
	var rejected, why struct {
		Rejections []struct {
			Conflict manyTags
			Matches  []struct{ Tags []string }
		}
		Conflicts []struct {
			Event   manyTags
			Matches []struct{ Tags []string }
		}
	}
	d.json("/rejections.json", &rejected)
	d.json("/why.json?after=0&"+lastTag, &why)
	for n := range events {
		if r := rejected.Rejections[n]; !r.Conflict.isCut() || len(r.Matches) != 1 {
			t.Errorf("a rejection has %+v", r)
		}
		if c := why.Conflicts[n]; !c.Event.isCut() || len(c.Matches) != 1 {
			t.Errorf("a conflict is %+v", c)
		}
	}
	page := d.event(2)
	if len(page.Tags) != 20 || page.MoreTags != tags-20 || positionOf(page.Tags[19].Next) != 3 {
		t.Errorf("the event has %d tags and %d more", len(page.Tags), page.MoreTags)
	}
}

// manyTags is what the test reads of an event with many tags.
type manyTags struct {
	Tags         []string
	MoreTags     int `json:"more_tags"`
	MoreMetadata int `json:"more_metadata"`
	Metadata     map[string]string
}

func (e manyTags) isCut() bool {
	return len(e.Tags) == 20 && e.MoreTags == 19_980 && e.MoreMetadata == 1 && e.Metadata == nil
}

// The code of a query has no line with a part of the tags of an event.
func TestCodeOfEventsWithManyTags(t *testing.T) {
	s := newSite(t)
	event := dcb.Event{Type: "A"}
	for n := range 30_000 {
		event.Tags = append(event.Tags, fmt.Sprintf("tag:%05d", n))
	}
	s.append(dcb.Event{Type: "A"}, event)
	var page struct {
		Snippets []struct{ ID, Note, Text string }
	}
	s.json("/code.json?type=A&order=oldest", &page)
	for _, snippet := range page.Snippets {
		if snippet.ID == "ndjson" && (strings.Count(snippet.Text, "\n") != 1 || !strings.Contains(snippet.Note, "too long to show here")) {
			t.Errorf("the lines are %q with the note %q", snippet.Text, snippet.Note)
		}
	}
	if len(page.Snippets) != 5 {
		t.Errorf("got %+v", page)
	}
}

// Tags are few if they are long.
func TestEventWithLongTags(t *testing.T) {
	s := newSite(t)
	s.append(dcb.Event{Type: "A", Tags: []string{"short", strings.Repeat("x", 3000), strings.Repeat("y", 3000)}}, dcb.Event{Type: "A", Tags: []string{strings.Repeat("z", 1<<20)}})
	if lists := s.texts("/browse?order=oldest", "tags"); len(lists) != 2 || !strings.HasPrefix(lists[0], "short xxx") || !strings.HasSuffix(lists[0], "x and 1 more tag") || lists[1] != "and 1 more tag" {
		t.Errorf("the tags are %.50q", lists)
	}
	if page := s.event(1); len(page.Tags) != 2 || page.MoreTags != 1 || page.Next == nil {
		t.Errorf("got %+v", page)
	}
}
