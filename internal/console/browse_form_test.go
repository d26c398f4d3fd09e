package console_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/umadb-go/umadb/dcb"
)

// fields returns the values of the fields of the form of a page, empty ones included, by their names.
func (s *site) fields(path string) url.Values {
	s.t.Helper()
	return fieldsIn(s.t, s.get(path, http.StatusOK))
}

// fieldsIn returns the values of the fields of a page.
func fieldsIn(t *testing.T, body string) url.Values {
	t.Helper()
	page, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	values := url.Values{}
	for node := range page.Descendants() {
		if node.Data == "input" && (attribute(node, "type") != "checkbox" || has(node, "checked")) {
			values.Add(attribute(node, "name"), attribute(node, "value"))
		}
	}
	return values
}

func attribute(node *html.Node, name string) string {
	for _, a := range node.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(node *html.Node, name string) bool {
	return slices.ContainsFunc(node.Attr, func(a html.Attribute) bool { return a.Key == name })
}

// moves returns the parameters to which a page redirects.
func (s *site) moves(values url.Values) url.Values {
	s.t.Helper()
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := browser.Get(s.url + "/browse?" + values.Encode())
	if err != nil {
		s.t.Fatal(err)
	}
	response.Body.Close()
	to, err := response.Location()
	if err != nil {
		s.t.Fatalf("%s: %s: %v", values.Encode(), response.Status, err)
	}
	if to.Path != "/browse" {
		s.t.Errorf("it moves to %s", to)
	}
	return to.Query()
}

// What a form without scripts sends becomes a URL without empty fields, whose page has the same
// items.
func TestBrowseForm(t *testing.T) {
	s := newSite(t)
	difficult := `a "b" <c>,tag=`
	sent := url.Values{"type": {"A", ""}, "tag": {"", "x"}, "type2": {difficult, "B"}, "tag2": {""}, "tag3": {"y"}, "type4": {""}, "since": {""}, "order": {"oldest"}}
	short := s.moves(sent)
	want := url.Values{"type": {"A"}, "tag": {"x"}, "item": {`{"types":["a \"b\" <c>,tag=","B"]}`, "tag=y"}, "order": {"oldest"}}
	if short.Encode() != want.Encode() {
		t.Fatalf("the URL has %v, want %v", short, want)
	}
	shown := s.fields("/browse?" + short.Encode())
	for name, want := range map[string][]string{"type": {"A", ""}, "tag": {"x", ""}, "type2": {difficult, "B", ""}, "tag2": {""}, "type3": {""}, "tag3": {"y", ""}, "type4": nil} {
		if !slices.Equal(shown[name], want) {
			t.Errorf("the field %s has %q, want %q", name, shown[name], want)
		}
	}
	shown.Set("remove", "2")
	if short := s.moves(shown); len(short["item"]) != 1 || short.Get("item") != "tag=y" || short.Get("type") != "A" {
		t.Errorf("without item 2, the URL has %v", short)
	}
	shown.Set("remove", "1")
	if short := s.moves(shown); len(short["item"]) != 2 || short.Has("type") || short.Has("tag") {
		t.Errorf("without item 1, the URL has %v", short)
	}
	if fields := s.fields("/browse?add=1&item=tag%3Dy&type=A"); !slices.Equal(fields["type3"], []string{""}) {
		t.Errorf("the item that is added has %v", fields)
	}
}

// An item that fields cannot express stays as it is.
func TestBrowseFormKeepsItemsOfEmptyNames(t *testing.T) {
	s := newSite(t)
	s.append(dcb.Event{Type: ""}, dcb.Event{Type: "A"})
	path := "/browse?" + url.Values{"item": {`{"types":[""]}`}}.Encode()
	if got := s.texts(path, "position"); !slices.Equal(got, []string{"1"}) {
		t.Errorf("the events are %v", got)
	}
	if got := s.fields(path)["item"]; !slices.Equal(got, []string{`{"types":[""]}`}) {
		t.Errorf("the form has the items %v", got)
	}
	if got := s.fields("/browse?item=*")["item"]; !slices.Equal(got, []string{"*"}) {
		t.Errorf("the form has the items %v", got)
	}
}

// The JSON of a page moves to the JSON.
func TestBrowseJSONMoves(t *testing.T) {
	s := newSite(t)
	s.append(dcb.Event{Type: "A"}, dcb.Event{Type: "B"})
	var data struct{ Events []struct{ Position uint64 } }
	s.json("/browse.json?type=&type2=B", &data)
	if len(data.Events) != 1 || data.Events[0].Position != 2 {
		t.Errorf("the events are %v", data.Events)
	}
}

// If no event matches, the page names the types and tags that no event has.
func TestBrowseNamesMissing(t *testing.T) {
	s := newSite(t)
	s.append(dcb.Event{Type: "A", Tags: []string{"x"}}, dcb.Event{Type: "B"})
	hints := s.texts("/browse?type=A&type=Absent&tag=absent&item=type%3DB+tag%3Dx", "notice")
	if len(hints) != 1 || !strings.Contains(hints[0], "No event has the type Absent.") || !strings.Contains(hints[0], "No event has the tag absent.") || strings.Contains(hints[0], "tag x") {
		t.Errorf("the hints are %q", hints)
	}
	if hints := s.texts("/browse?type=B&tag=x", "notice"); len(hints) != 1 || strings.Contains(hints[0], "No event has") {
		t.Errorf("the hints are %q", hints)
	}
}
