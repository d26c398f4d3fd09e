package console_test

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
)

// The data of events is shown in the chosen view, or in one that can show it.
func TestViewsOfData(t *testing.T) {
	s := newSite(t)
	s.append(dcb.Event{Type: "A", Data: []byte(`{"a":["<b>",1]}`)}, dcb.Event{Type: "A", Data: []byte("text\n")}, dcb.Event{Type: "A", Data: []byte{255, 0}}, dcb.Event{Type: "A"})
	indented := "{\n  \"a\": [\n    \"<b>\",\n    1\n  ]\n}"
	for view, want := range map[string][]string{
		"":     {indented, "text", strings.TrimSpace(hex.Dump([]byte{255, 0}))},
		"text": {`{"a":["<b>",1]}`, "text", "\ufffd\ufffd"}, // a browser replaces the zero byte
		"hex":  {strings.TrimSpace(hex.Dump([]byte(`{"a":["<b>",1]}`))), strings.TrimSpace(hex.Dump([]byte("text\n"))), strings.TrimSpace(hex.Dump([]byte{255, 0}))},
		"none": nil,
	} {
		if got := s.texts("/browse?order=oldest&view="+view, "data"); view != "text" && !slices.Equal(got, want) || len(got) != len(want) {
			t.Errorf("view %q: %q, want %q", view, got, want)
		}
		if view != "none" {
			if got := s.texts("/data?position=1&view="+view, "data"); !slices.Equal(got, want[:1]) {
				t.Errorf("view %q of the first event: %q", view, got)
			}
		}
	}
}

// A list has the begin of long data, with links to more of it and to all of it.
func TestLongDataIsCut(t *testing.T) {
	s := newSite(t)
	long := strings.Repeat("Grüße, ", 10_000)
	for _, data := range []string{fmt.Sprintf(`{"a":[%s1]}`, strings.Repeat("1,", 10_000)), fmt.Sprintf("%q", long), long, long + "\xff"} {
		s.append(dcb.Event{Type: "A", Data: []byte(data)})
	}
	for position := 1; position <= 4; position++ {
		path := fmt.Sprintf("/browse?order=oldest&limit=1&start=%d", position)
		page := s.get(path, http.StatusOK)
		if shown := s.texts(path, "data"); len(shown) != 1 || len(shown[0]) > 10_000 || len(shown[0]) < 1000 || strings.Contains(strings.TrimSuffix(shown[0], "\ufffd"), "\ufffd") {
			t.Errorf("event %d is shown with %d bytes: %.80q", position, len(strings.Join(shown, "")), shown)
		}
		if len(page) > 60_000 {
			t.Errorf("the page of event %d has %d bytes", position, len(page))
		}
		if whole := s.texts(fmt.Sprintf("/data?position=%d", position), "data"); len(whole) != 1 || len(whole[0]) < 50_000 {
			t.Errorf("the data of event %d is cut", position)
		}
		for _, link := range []string{fmt.Sprintf(`href="/data?position=%d`, position), fmt.Sprintf(`href="/data/download?position=%d"`, position)} {
			if !strings.Contains(page, link) {
				t.Errorf("the page of event %d has no %s", position, link)
			}
		}
	}
	if got := s.get("/data/download?position=4", http.StatusOK); got != long+"\xff" {
		t.Errorf("the download has %d bytes", len(got))
	}
}

// A page ends where the data of its events is large, and the next one continues.
func TestPageOfLargeEventsIsBounded(t *testing.T) {
	s := newSite(t)
	for range 6 {
		s.append(dcb.Event{Type: "A", Data: make([]byte, 3<<20)})
	}
	var got []string
	pages := 0
	for next := "/browse?limit=100"; next != ""; pages++ {
		got = append(got, s.texts(next, "position")...)
		var data struct{ Next string }
		s.json(strings.Replace(next, "/browse?", "/browse.json?", 1), &data)
		next = data.Next
	}
	if want := []string{"6", "5", "4", "3", "2", "1"}; !slices.Equal(got, want) || pages != 2 {
		t.Errorf("%d pages have %v, want %v on 2", pages, got, want)
	}
}
