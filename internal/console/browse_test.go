package console_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
)

// The link to the next page leads through all events, each once, in both orders.
func TestBrowsePages(t *testing.T) {
	s := newSite(t)
	var want []string
	for n := range 120 {
		kind := []string{"A", "B"}[n%2]
		s.append(dcb.Event{Type: kind, Tags: []string{"x"}})
		if kind == "A" {
			want = append(want, fmt.Sprint(n+1))
		}
	}
	for _, order := range []string{"oldest", "newest"} {
		var got []string
		for next := "/browse?type=A&tag=x&limit=7&order=" + order; next != ""; {
			got = append(got, s.texts(next, "position")...)
			var data struct{ Next string }
			s.json(strings.Replace(next, "/browse?", "/browse.json?", 1), &data)
			next = data.Next
		}
		if order == "newest" {
			slices.Reverse(got)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s first: %v, want %v", order, got, want)
		}
	}
}

func TestBrowseExplainsWrongParameters(t *testing.T) {
	s := newSite(t)
	if page := s.get("/browse?since=yesterday", http.StatusBadRequest); !strings.Contains(page, "how long ago it is") {
		t.Errorf("the page does not say what to write: %s", page)
	}
}
