package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
)

// Periods do not repeat a long query in their links, and have their numbers.
func TestTimelineOfLongQuery(t *testing.T) {
	s := newSite(t)
	s.append(dcb.Event{Type: "A", Tags: []string{"x"}})
	values := url.Values{"since": {"1h"}, "tag": {"x"}}
	links := func(values url.Values) (n int) {
		for _, link := range s.links("/timeline?" + values.Encode()) {
			if strings.HasPrefix(link, "/browse?") && strings.Contains(link, "until=") {
				n++
			}
		}
		return n
	}
	if links(values) == 0 {
		t.Error("no period of a short query has a link to its events")
	}
	for n := range 1400 {
		values.Add("item", fmt.Sprintf("tag=n:%d", n))
	}
	path := "/timeline?" + values.Encode()
	if n := strings.Count(s.get(path, http.StatusOK), "1399"); n > 20 {
		t.Errorf("the page repeats the query %d times", n)
	}
	if n := links(values); n != 0 {
		t.Errorf("%d periods repeat the long query", n)
	}
	if got := s.texts(path, "total"); len(got) != 1 || got[0] != "1" {
		t.Errorf("the number of events is %q", got)
	}
}
