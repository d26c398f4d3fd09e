package console_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/console"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/web"
	"github.com/umadb-go/umadb/internal/web/webtest"
)

// site is a console with a store in memory.
type site struct {
	t     *testing.T
	store *store.Store
	url   string
}

// newSite returns a site without events. Each of change changes what a request uses.
func newSite(t *testing.T, change ...func(*web.Backend)) *site {
	t.Helper()
	return startSite(t, web.Options{}, change...)
}

// newAppendSite returns a site that permits appends.
func newAppendSite(t *testing.T) *site {
	t.Helper()
	return startSite(t, web.Options{Append: true})
}

func startSite(t *testing.T, options web.Options, change ...func(*web.Backend)) *site {
	t.Helper()
	opened, b := webtest.NewStore(t)
	for _, f := range change {
		f(b)
	}
	_, url := webtest.Serve(t, options, b, console.Register)
	return &site{t, opened, url}
}

// append appends events without a condition.
func (s *site) append(events ...dcb.Event) {
	s.t.Helper()
	if _, err := s.store.Append(s.t.Context(), events, nil, nil); err != nil {
		s.t.Fatal(err)
	}
}

// get returns the body of a path, which must have this status.
func (s *site) get(path string, status int) string {
	s.t.Helper()
	response, err := http.Get(s.url + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if response.StatusCode != status {
		s.t.Errorf("%s has the status %s, want %d: %s", path, response.Status, status, body)
	}
	return string(body)
}

// json decodes the JSON at a path.
func (s *site) json(path string, data any) {
	s.t.Helper()
	body := s.get(path, http.StatusOK)
	if err := json.Unmarshal([]byte(body), data); err != nil {
		s.t.Errorf("%s: %v: %s", path, err, body)
	}
}

// texts returns the texts of the elements of a page with a class.
func (s *site) texts(path, class string) (texts []string) {
	s.t.Helper()
	page, err := html.Parse(strings.NewReader(s.get(path, http.StatusOK)))
	if err != nil {
		s.t.Fatal(err)
	}
	for node := range page.Descendants() {
		for _, attribute := range node.Attr {
			if attribute.Key == "class" && strings.Contains(" "+attribute.Val+" ", " "+class+" ") {
				texts = append(texts, text(node))
			}
		}
	}
	return texts
}

func text(node *html.Node) string {
	var out strings.Builder
	for n := range node.Descendants() {
		if n.Type == html.TextNode {
			out.WriteString(n.Data)
		}
	}
	return strings.TrimSpace(out.String())
}

// links returns where the links of a page lead.
func (s *site) links(path string) (links []string) {
	s.t.Helper()
	page, err := html.Parse(strings.NewReader(s.get(path, http.StatusOK)))
	if err != nil {
		s.t.Fatal(err)
	}
	for node := range page.Descendants() {
		for _, attribute := range node.Attr {
			if node.Data == "a" && attribute.Key == "href" {
				links = append(links, attribute.Val)
			}
		}
	}
	return links
}
