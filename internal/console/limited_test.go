package console_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/console"
	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/web"
	"github.com/umadb-go/umadb/internal/web/webtest"
)

// newLimitedSite returns a site whose requests use a key.
func newLimitedSite(t *testing.T, key server.Key) *site {
	t.Helper()
	key.Name = "limited"
	opened, b := webtest.NewStoreWithKey(t, key)
	_, url := webtest.Serve(t, web.Options{Append: true}, b, console.Register)
	return &site{t, opened, url}
}

// limits are keys with limits, each with a query that it may use and that matches events 1, 4 and 7 of tenants.
var limits = map[string]struct {
	key   server.Key
	query string
}{
	"types":             {server.Key{Types: []string{"A", "B"}}, "type=A"},
	"tag prefixes":      {server.Key{TagPrefixes: []string{"tenant:1:"}}, "tag=tenant:1:x"},
	"both":              {server.Key{Types: []string{"A"}, TagPrefixes: []string{"tenant:1:"}}, "type=A&tag=tenant:1:x"},
	"with other items":  {server.Key{Types: []string{"A", "B"}}, "type=B&tag=absent&item=type%3DB+type%3DA"},
	"and right to rule": {server.Key{Types: []string{"A"}, Rights: server.RightAdmin}, "type=A"},
}

// tenants appends nine events, of which a key of limits may read each third one, in one commit.
func (s *site) tenants() {
	s.t.Helper()
	var events []dcb.Event
	for n := range 9 {
		e := dcb.Event{Type: "C", Tags: []string{"tenant:2:x", "paid"}, Data: []byte(`"secret"`)}
		if n%3 == 0 {
			e = dcb.Event{Type: "A", Tags: []string{"paid", "tenant:1:x"}, Data: []byte(`"open"`)}
		}
		events = append(events, e)
	}
	s.append(events...)
}

// The link of an event in Browse leads to its page for a key with limits too. All that is around the event there
// can be read with the key, and so can its data, its code and the events beside it.
func TestEventWithLimitedKey(t *testing.T) {
	for name, limit := range limits {
		t.Run(name, func(t *testing.T) {
			limit.key.Rights |= server.RightRead
			s := newLimitedSite(t, limit.key)
			s.tenants()
			var links []string
			for _, link := range s.links("/browse?" + limit.query) {
				if strings.HasPrefix(link, "/event?position=4") {
					links = append(links, link)
				}
			}
			if len(links) != 1 {
				t.Fatalf("the links to event 4 are %q", links)
			}
			var page eventPage
			s.json(strings.Replace(links[0], "/event", "/event.json", 1), &page)
			if page.Event.Position != 4 || positionOf(page.Previous) != 1 || positionOf(page.Next) != 7 || len(page.Commit) != 3 || page.Head != 9 {
				t.Errorf("got %+v", page)
			}
			if len(page.Tags) != 2 {
				t.Fatalf("the tags are %+v", page.Tags)
			}
			for _, tag := range page.Tags {
				if positionOf(tag.Previous) != 1 || positionOf(tag.Next) != 7 {
					t.Errorf("beside the event with tag %s are %d and %d", tag.Tag, positionOf(tag.Previous), positionOf(tag.Next))
				}
			}
			if within := s.texts(links[0], "within"); len(within) != 1 || !strings.Contains(within[0], "The API key has limits") {
				t.Errorf("the page explains %q", within)
			}
			for _, link := range s.links(links[0]) {
				if path, _, _ := strings.Cut(link, "?"); slices.Contains([]string{"/event", "/data/download", "/code"}, path) {
					if body := s.get(link, http.StatusOK); strings.Contains(body, "secret") {
						t.Errorf("%s: %s", link, body)
					}
				}
			}
		})
	}
}

// Without a query that its key permits, the page of an event explains what is missing, and has a form for it.
func TestEventWithoutWhatItsKeyPermits(t *testing.T) {
	for name, limit := range limits {
		limit.key.Rights |= server.RightRead
		s := newLimitedSite(t, limit.key)
		s.tenants()
		for query, status := range map[string]int{
			"position=4": http.StatusForbidden, "position=4&type=C&tag=tenant:2:x": http.StatusForbidden, "position=2&" + limit.query: http.StatusNotFound,
			"position=10&" + limit.query: http.StatusNotFound, "position=4&item=nothing": http.StatusBadRequest,
		} {
			page := s.get("/event?"+query, status)
			if strings.Contains(page, "secret") || !strings.Contains(page, `name="position"`) {
				t.Errorf("%s: %s: %s", name, query, page)
			}
			if isExplained := strings.Contains(page, "the API key &#34;limited&#34; is limited to some") && strings.Contains(page, `name="tag"`); isExplained != (status == http.StatusForbidden) {
				t.Errorf("%s: %s: %s", name, query, page)
			}
		}
		if page := s.get("/event?position=4&add=&type2=&tag2=&"+limit.query, http.StatusOK); !strings.Contains(page, "open") {
			t.Errorf("%s: the form without scripts leads to %s", name, page)
		}
	}
}

// An append with a limited key leads to its event.
func TestAppendWithLimitedKey(t *testing.T) {
	for name, limit := range limits {
		limit.key.Rights |= server.RightRead | server.RightAppend
		s := newLimitedSite(t, limit.key)
		s.tenants()
		for _, lines := range []string{`{"type":"A","tags":["tenant:1:x"],"data":"open"}`, `{"type":"A","tags":["tenant:1:y"]}` + "\n" + `{"type":"A","tags":["tenant:1:x"],"data":"open"}`} {
			_, to := s.post(s.check(url.Values{"as": {"lines"}, "lines": {lines}}), http.StatusSeeOther)
			for _, link := range s.links(to) {
				if path, _, _ := strings.Cut(link, "?"); path == "/event" {
					lines = ""
					if page := s.get(link, http.StatusOK); !strings.Contains(page, "open") {
						t.Errorf("%s: %s: %s", name, link, page)
					}
				}
			}
			if lines != "" {
				t.Errorf("%s: %s has no link to the event", name, to)
			}
		}
	}
}

// A query with very many tags is not compared with the tags of each event, of which there may be as many.
func TestLinksWithManyNames(t *testing.T) {
	s := newSite(t)
	var tags []string
	for n := range 201 {
		tags = append(tags, strconv.Itoa(n))
	}
	s.append(dcb.Event{Type: "A", Tags: tags})
	for n, want := range map[int]bool{200: true, 201: false} {
		query := url.Values{"tag": tags[:n]}.Encode()
		got := slices.ContainsFunc(s.links("/browse?"+query), func(link string) bool { return link == "/event?position=1&"+query })
		if got != want {
			t.Errorf("with %d tags, the link to the event has the tags: %v", n, got)
		}
	}
}

// The page of an event whose URL has more types and tags than are compared has the event, and says why it is without
// those around it.
func TestEventWithManyNamesAndLimitedKey(t *testing.T) {
	for name, limit := range limits {
		limit.key.Rights |= server.RightRead
		s := newLimitedSite(t, limit.key)
		s.tenants()
		for n, want := range map[int]int{99: 0, 100: 1} {
			query := url.Values{}
			for i := range n {
				query.Add("item", fmt.Sprintf("type=A tag=tenant:1:%d", i))
			}
			query.Add("item", "type=A tag=tenant:1:x")
			path := "/event?position=4&" + query.Encode()
			if body := s.get(path, http.StatusOK); !strings.Contains(body, "open") || strings.Contains(body, "secret") {
				t.Errorf("%s with %d other items: %s", name, n, body)
			}
			if got := s.texts(path, "notice"); len(got) != want || want == 1 && !strings.Contains(got[0], "The API key has limits, and the URL has more than 200 types and tags") {
				t.Errorf("%s with %d other items: the page says %q", name, n, got)
			}
			var page eventPage
			s.json(strings.Replace(path, "/event", "/event.json", 1), &page)
			if page.Event.Position != 4 || (page.Previous == nil) != (want == 1) || (len(page.Tags) == 0) != (want == 1) {
				t.Errorf("%s with %d other items: got %+v", name, n, page)
			}
		}
	}
}

// Every page that links lead to has its content, or says that the key does not permit it: a limit is never an error
// of the server.
func TestPagesWithLimitedKey(t *testing.T) {
	for name, limit := range limits {
		t.Run(name, func(t *testing.T) {
			for _, rights := range []server.Rights{server.RightRead, server.RightRead | server.RightSubscribe | server.RightAppend | server.RightTracking, server.RightAppend} {
				key := limit.key
				key.Rights |= rights
				s := newLimitedSite(t, key)
				s.tenants()
				first := []string{"/", "/browse?" + limit.query, "/browse?since=1h&" + limit.query, "/timeline?" + limit.query, "/why?after=0&" + limit.query, "/live?" + limit.query, "/event?position=4", "/code?" + limit.query, "/data?position=4&" + limit.query, "/types", "/tags", "/tracking?source=a", "/complete/types?prefix=A", "/complete/tags?prefix=tenant:1:"}
				s.walk(first)
			}
		})
	}
}

// walk gets the pages of some paths, and those to which their links lead, but only some with the same path.
func (s *site) walk(next []string) {
	s.t.Helper()
	const samePath = 12
	seen, counts := map[string]bool{}, map[string]int{}
	for ; len(next) > 0; next = next[1:] {
		path, _, _ := strings.Cut(next[0], "?")
		if seen[next[0]] || counts[path] == samePath || !strings.HasPrefix(path, "/") {
			continue
		}
		seen[next[0]] = true
		counts[path]++
		response, err := http.Get(s.url + next[0])
		if err != nil {
			s.t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			s.t.Fatal(err)
		}
		isDenied := response.StatusCode == http.StatusForbidden && strings.Contains(html.UnescapeString(strings.ReplaceAll(string(body), `\"`, `"`)), `the API key "limited" `)
		if response.StatusCode != http.StatusOK && !isDenied {
			s.t.Errorf("%s has the status %s: %s", next[0], response.Status, body)
		}
		if strings.Contains(string(body), "secret") {
			s.t.Errorf("%s has an event of others: %s", next[0], body)
		}
		if !strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") {
			continue
		}
		page, err := html.Parse(strings.NewReader(string(body)))
		if err != nil {
			s.t.Fatal(err)
		}
		for node := range page.Descendants() {
			if link := attribute(node, "href"); node.Data == "a" && link != "" && !strings.HasPrefix(link, "#") {
				to, err := url.Parse(link)
				if err != nil {
					s.t.Errorf("%s has the link %q: %v", next[0], link, err)
					continue
				}
				next = append(next, to.RequestURI())
			}
		}
	}
}
