package console_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/selection"
)

// whyPage is what the tests read of the JSON of /why.
type whyPage struct {
	Condition *struct{}
	Head      uint64
	Rejected  bool
	Conflicts []struct {
		Event   struct{ Position uint64 }
		Matches []struct {
			Item int
			Type *string
			Tags []string
		}
		Explanation string
	}
	More         bool
	Explanation  string
	MissingTypes []string `json:"missing_types"`
	MissingTags  []string `json:"missing_tags"`
}

func (s *site) why(path string) (page whyPage) {
	s.t.Helper()
	s.json(strings.Replace(path, "/why", "/why.json", 1), &page)
	return page
}

// elements returns the texts of the elements of a page with a name.
func (s *site) elements(path, name string) (texts []string) {
	s.t.Helper()
	page, err := html.Parse(strings.NewReader(s.get(path, http.StatusOK)))
	if err != nil {
		s.t.Fatal(err)
	}
	for node := range page.Descendants() {
		if node.Type == html.ElementNode && node.Data == name {
			texts = append(texts, text(node))
		}
	}
	return texts
}

// The page predicts what the store does with an append, by which event, and which items match.
func TestWhyAgreesWithTheStore(t *testing.T) {
	s := newSite(t)
	name := rapid.SampledFrom([]string{"a", "b", "c", "", "x y"})
	names := rapid.SliceOfNDistinct(name, 0, 2, rapid.ID)
	rapid.Check(t, func(t *rapid.T) {
		event := dcb.Event{Type: name.Draw(t, "type"), Tags: names.Draw(t, "tags")}
		condition := &dcb.AppendCondition{}
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			condition.FailIfEventsMatch.Items = append(condition.FailIfEventsMatch.Items, dcb.QueryItem{Types: names.Draw(t, "types"), Tags: names.Draw(t, "tags")})
		}
		head, err := s.store.Head(s.t.Context())
		if err != nil {
			t.Fatal(err)
		}
		condition.After = rapid.Uint64Range(0, head+2).Draw(t, "after")
		values := url.Values{"after": {fmt.Sprint(condition.After)}}
		for _, item := range condition.FailIfEventsMatch.Items {
			values.Add("item", selection.FormatItem(item))
		}
		page := s.why("/why?" + values.Encode())
		_, err = s.store.Append(s.t.Context(), []dcb.Event{event}, condition, nil)
		if isRejected := errors.Is(err, dcb.ErrIntegrity); page.Rejected != isRejected || err != nil && !isRejected || page.Head != head {
			t.Fatalf("the page has %+v with the head %d; the append returned %v", page, head, err)
		}
		if err == nil {
			return
		}
		if refused, is := errors.AsType[*dcb.Error](err); !is || refused.ConflictPosition != page.Conflicts[0].Event.Position {
			t.Fatalf("the page has the conflict %+v; the append returned %v", page.Conflicts[0], err)
		}
		stored, _, err := s.store.Read(s.t.Context(), dcb.Query{}, dcb.ReadOptions{}).Collect()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page.Conflicts {
			conflicting := stored[c.Event.Position-1].Event
			for n, item := range condition.FailIfEventsMatch.Items {
				found := slices.ContainsFunc(c.Matches, func(m struct {
					Item int
					Type *string
					Tags []string
				}) bool {
					return m.Item == n+1
				})
				if found != item.Matches(conflicting.Type, conflicting.Tags) {
					t.Fatalf("event %+v and item %+v: the matching items are %+v", conflicting, item, c.Matches)
				}
			}
		}
	})
}

func TestWhyExplains(t *testing.T) {
	s := newSite(t)
	for n := range 12 {
		s.append(dcb.Event{Type: []string{"A", "B"}[n%2], Tags: []string{"x", fmt.Sprint("n:", n)}})
	}
	for query, want := range map[string]string{
		"type=A&after=10":                       "would be rejected: event 11 matches it and came after position 10.",
		"type=A&after=8":                        "would be rejected: 2 events after position 8 match it, the first one at position 9.",
		"tag=x":                                 "would be accepted, until a matching event is appended: there is no event after position 12.",
		"tag=x&after=0":                         "would be rejected: more than 10 events after position 0 match it, the first one at position 1.",
		"item=*&after=11":                       "would be rejected: event 12 matches it",
		"after=11":                              "would be rejected: event 12 matches it",
		"type=A&after=11":                       "would be accepted, until a matching event is appended: none of the events after position 11, up to 12, matches it.",
		"type=A&after=12":                       "would be accepted, until a matching event is appended: there is no event after position 12.",
		"type=A&after=13":                       "would be accepted, but position 13 is after the last event, at 12",
		"type=A&after=9223372036854775808":      "is after the last event",
		"type=A&item=type%3DB+tag%3Dx&after=10": "2 events after position 10",
	} {
		page := s.why("/why?" + query)
		if !strings.Contains(page.Explanation, want) {
			t.Errorf("%s: %q, want %q", query, page.Explanation, want)
		}
		if shown := s.texts("/why?"+query, "explanation"); len(shown) != 1+len(page.Conflicts) || shown[0] != page.Explanation {
			t.Errorf("%s: the page shows %q", query, shown)
		}
	}
	page := s.why("/why?type=A&type=B&tag=x&tag=n:10&item=type%3DA&after=10")
	if want := "Event 11 matches item 1, because its type is A and it has the tags x and n:10; and item 2, because its type is A."; len(page.Conflicts) != 1 || page.Conflicts[0].Explanation != want {
		t.Errorf("got %+v, want %q", page.Conflicts, want)
	}
	if page := s.why("/why?type=C&tag=y"); !slices.Equal(page.MissingTypes, []string{"C"}) || !slices.Equal(page.MissingTags, []string{"y"}) {
		t.Errorf("got %+v", page)
	}
	if rows := strings.Split(strings.TrimSpace(s.get("/why.csv?type=A&after=8", http.StatusOK)), "\n"); len(rows) != 3 || !strings.HasPrefix(rows[1], "9,") {
		t.Errorf("the CSV is %q", rows)
	}
}

// The form of the page has what the URL has, and without a condition nothing is compared.
func TestWhyForm(t *testing.T) {
	s := newSite(t)
	s.append(dcb.Event{Type: "A"})
	if page := s.why("/why"); page.Condition != nil || page.Explanation != "" {
		t.Errorf("got %+v", page)
	}
	fields := s.fields("/why?type=A&tag=x&item=type%3DB+tag%3Dy&after=7")
	for name, want := range map[string][]string{"type": {"A", ""}, "tag": {"x", ""}, "type2": {"B", ""}, "tag2": {"y", ""}, "after": {"7"}} {
		if !slices.Equal(fields[name], want) {
			t.Errorf("the fields %q are %q, want %q", name, fields[name], want)
		}
	}
	for query, want := range map[string]string{"after=-1": "after", "since=2h": "it is unknown", "item=A": "neither type= nor tag=", "limit=1": "it is unknown"} {
		if page := s.get("/why?type=A&"+query, http.StatusBadRequest); !strings.Contains(page, want) || !strings.Contains(page, `name="after"`) {
			t.Errorf("%s: the page has not the problem with %q and the form: %s", query, want, page)
		}
	}
}
