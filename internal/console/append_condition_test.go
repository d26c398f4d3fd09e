package console_test

import (
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

// An item that cannot be parsed remains in the form, so that no second check is without it.
func TestWrongItemOfConditionRemains(t *testing.T) {
	s := newAppendSite(t)
	form := url.Values{"type": {"A"}, "item": {"course:1", "tag=x"}}
	for _, page := range []string{s.get("/append?"+form.Encode(), http.StatusOK), first(s.post(form, http.StatusBadRequest))} {
		again := fieldsIn(t, page)
		if !slices.Equal(again["item"], []string{"course:1"}) || again.Get("tag3") != "x" {
			t.Errorf("the form has %v", again)
		}
		if page, _ := s.post(again, http.StatusBadRequest); !strings.Contains(page, "item 1 of the condition") {
			t.Errorf("the form, submitted again, leads to %s", page)
		}
	}
}

func first(page, _ string) string { return page }

// Names that a field cannot contain, so that a browser would change them, are not in fields.
func TestConditionWithUnfitNames(t *testing.T) {
	s := newAppendSite(t)
	items := []string{`{"tags":["a\nb"]}`, `{"types":["a\rb"]}`, `{"tags":["\u0000"]}`, `{"tags":[" "]}`, `{"types":["A"],"tags":["","x"]}`}
	form := url.Values{"type": {"A"}, "item": items}
	if fields := fieldsIn(t, s.get("/append?"+form.Encode(), http.StatusOK)); !slices.Equal(fields["item"], items) {
		t.Errorf("the form has the items %q, want %q", fields["item"], items)
	}
	if got := s.check(form)["item"]; !slices.Equal(got, items) {
		t.Errorf("the condition has the items %q, want %q", got, items)
	}
}

// The form has the items that it was opened with, whatever their names are, also when a browser has submitted it.
func TestConditionRemainsInForm(t *testing.T) {
	s := newAppendSite(t)
	name := rapid.OneOf(rapid.StringOfN(rapid.RuneFrom([]rune("ab=, \t\n\r\x00\u00a0\"'<&{}*é")), 0, 4, -1), rapid.SampledFrom([]string{"type=", "tag=x", "x,tag=y", "*"}))
	names := rapid.SliceOfN(name, 0, 3)
	rapid.Check(t, func(t *rapid.T) {
		form := url.Values{"type": {"A"}}
		for range rapid.IntRange(1, 4).Draw(t, "items") {
			form.Add("item", selection.FormatItem(dcb.QueryItem{Types: names.Draw(t, "types"), Tags: names.Draw(t, "tags")}))
		}
		fields := fieldsIn(s.t, s.get("/append?"+form.Encode(), http.StatusOK))
		for name, texts := range fields {
			if name != "item" { // others are in fields for text
				for i := range texts {
					texts[i] = strings.NewReplacer("\r", "", "\n", "").Replace(texts[i])
				}
			}
		}
		page, _ := s.post(fields, http.StatusOK)
		if have, want := slices.Sorted(slices.Values(s.confirmation(page)["item"])), slices.Sorted(slices.Values(form["item"])); !slices.Equal(have, want) {
			t.Fatalf("the condition has the items %q, want %q", have, want)
		}
	})
}

// A field with nothing but spaces looks empty, and is.
func TestConditionIgnoresBlankFields(t *testing.T) {
	s := newAppendSite(t)
	if got, want := s.check(url.Values{"type": {"A"}, "type2": {" "}, "tag2": {"\t", "x"}, "tag3": {" "}})["item"], []string{"tag=x"}; !slices.Equal(got, want) {
		t.Errorf("the condition has the items %q, want %q", got, want)
	}
}

// A condition has all of its items, however many there are.
func TestConditionWithManyItems(t *testing.T) {
	const items = 1200
	s := newAppendSite(t)
	s.append(dcb.Event{Type: "A", Tags: []string{fmt.Sprint("last-", items)}})
	form := url.Values{"type": {"A"}}
	for n := range items {
		form.Add("item", fmt.Sprint("tag=last-", n+1))
	}
	page, _ := s.post(form, http.StatusOK)
	fields := fieldsIn(t, page)
	if page, _ := s.post(fields, http.StatusOK); !strings.Contains(page, "Would be rejected") {
		t.Error("the form, submitted again, does not have the last item")
	}
}

// A check names the types and tags of the condition that no event has: a name with a slip makes a condition that
// nothing violates.
func TestCheckShowsMissingNames(t *testing.T) {
	s := newAppendSite(t)
	s.append(dcb.Event{Type: "A", Tags: []string{"course:1"}})
	page, _ := s.post(url.Values{"type": {"A"}, "type2": {"A"}, "tag2": {"course:1 "}}, http.StatusOK)
	if text := html.UnescapeString(page); !strings.Contains(text, "No event has the tag <code>course:1 </code>") || strings.Contains(text, "No event has the type") {
		t.Errorf("the page of the check is %s", page)
	}
}
