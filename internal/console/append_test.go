package console_test

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/html"

	"github.com/umadb-go/umadb/dcb"
)

// post submits the form, and returns the page or, if there is a redirection, where it leads.
func (s *site) post(form url.Values, status int) (page, to string) {
	s.t.Helper()
	c := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := c.PostForm(s.url+"/append", form)
	if err != nil {
		s.t.Error(err)
		return "", ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Error(err)
	}
	if response.StatusCode != status {
		s.t.Errorf("the form has the status %s, want %d: %s", response.Status, status, body)
	}
	return string(body), response.Header.Get("Location")
}

// confirmation returns the fields of the form with which a page of a check appends, or nil if it
// has none.
func (s *site) confirmation(page string) (fields url.Values) {
	s.t.Helper()
	parsed, err := html.Parse(strings.NewReader(page))
	if err != nil {
		s.t.Fatal(err)
	}
	for form := range parsed.Descendants() {
		if form.Data != "form" || attribute(form, "class") != "confirm" {
			continue
		}
		fields = url.Values{}
		for input := range form.Descendants() {
			if input.Data == "input" {
				fields.Add(attribute(input, "name"), attribute(input, "value"))
			}
		}
	}
	return fields
}

// check submits the form, and returns that with which to append.
func (s *site) check(form url.Values) url.Values {
	s.t.Helper()
	page, _ := s.post(form, http.StatusOK)
	fields := s.confirmation(page)
	if fields == nil {
		s.t.Fatalf("the check has no button that appends: %s", page)
	}
	if strings.Contains(page, "position=0") {
		s.t.Errorf("the check has a link to an event that is not stored: %s", page)
	}
	return fields
}

// stored returns all events.
func (s *site) stored() []dcb.SequencedEvent {
	s.t.Helper()
	events, _, err := s.store.Read(s.t.Context(), dcb.Query{}, dcb.ReadOptions{}).Collect()
	if err != nil {
		s.t.Fatal(err)
	}
	return events
}

func TestAppend(t *testing.T) {
	s := newAppendSite(t)
	form := s.check(url.Values{
		"type": {"A"}, "tag": {"x", "", "y z"}, "format": {"json"}, "data": {"{ \"a\": 1,\r\n \"b\": \"<&'\" }"},
		"metadata": {"user = ada\r\nid=1=2"}, "uuid": {"6BA7B8109DAD11D180B400C04FD430C8"},
	})
	if got := s.stored(); len(got) > 0 {
		t.Fatalf("the check has appended %+v", got)
	}
	_, to := s.post(form, http.StatusSeeOther)
	if want := "/append?first=1&last=1"; to != want {
		t.Errorf("the append leads to %s, want %s", to, want)
	}
	if links := s.links(to); !slices.Contains(links, "/event?position=1") {
		t.Errorf("the page has no link to the event: %v", links)
	}
	got := s.stored()
	if len(got) != 1 {
		t.Fatalf("the events are %+v", got)
	}
	e := got[0].Event
	if e.Type != "A" || !slices.Equal(e.Tags, []string{"x", "y z"}) || string(e.Data) != `{"a":1,"b":"<&'"}` || e.UUID != "6ba7b810-9dad-11d1-80b4-00c04fd430c8" || !slices.Equal(e.Metadata, []dcb.Metadata{{Key: "user", Value: "ada"}, {Key: "id", Value: "1=2"}}) {
		t.Errorf("the event is %+v", e)
	}
}

func TestAppendLines(t *testing.T) {
	s := newAppendSite(t)
	form := s.check(url.Values{"as": {"lines"}, "lines": {"{\"type\":\"A\",\"tags\":[\"x\"],\"data\":\"two\\nlines\"}\r\n\r\n{\"type\":\"B\",\"data_base64\":\"AP8=\"}\r\n"}})
	_, to := s.post(form, http.StatusSeeOther)
	if want := "/append?first=1&last=2"; to != want {
		t.Errorf("the append leads to %s, want %s", to, want)
	}
	if got := s.stored(); len(got) != 2 || string(got[0].Event.Data) != "two\nlines" || string(got[1].Event.Data) != "\x00\xff" {
		t.Errorf("the events are %+v", got)
	}
}

// The fields of the condition are those of a query. Without scripts, buttons add and remove items, and nothing is
// checked then.
func TestAppendCondition(t *testing.T) {
	s := newAppendSite(t)
	s.append(dcb.Event{Type: "A", Tags: []string{"x"}}, dcb.Event{Type: "B", Tags: []string{"y z"}})
	form := url.Values{"type": {"C"}, "tag": {"own"}, "type2": {"A", ""}, "tag2": {""}, "type3": {"Absent", "B"}, "tag3": {"y z", ""}, "type4": {""}, "tag4": {""}, "after": {"2"}}
	checked := s.check(form)
	if want := []string{"type=A", `{"types":["Absent","B"],"tags":["y z"]}`}; !slices.Equal(checked["item"], want) {
		t.Errorf("the items are %q, want %q", checked["item"], want)
	}
	for after, conflicts := range map[string][]string{"0": {"1", "2"}, "1": {"2"}} {
		form.Set("after", after)
		page, _ := s.post(form, http.StatusOK)
		if got := positionsIn(t, page); !slices.Equal(got, conflicts) {
			t.Errorf("after %s the conflicts are %q, want %q", after, got, conflicts)
		}
	}
	form.Set("after", "1") // the loop may end with either
	form.Set("remove", "2")
	page, _ := s.post(form, http.StatusOK)
	if fields := fieldsIn(t, page); !slices.Equal(fields["type2"], []string{"Absent", "B", ""}) || !slices.Equal(fields["tag2"], []string{"y z", ""}) || fields.Has("type3") || fields.Get("type") != "C" || fields.Get("tag") != "own" || fields.Get("after") != "1" {
		t.Errorf("without the first item, the form has %v", fields)
	}
	if s.confirmation(page) != nil {
		t.Errorf("the events were checked: %s", page)
	}
	form = url.Values{"type": {""}, "type2": {"A", ""}, "item": {"*"}, "add": {"1"}}
	page, _ = s.post(form, http.StatusOK)
	if fields := fieldsIn(t, page); fields.Get("item") != "*" || !slices.Equal(fields["type3"], []string{"A", ""}) || !slices.Equal(fields["type4"], []string{""}) {
		t.Errorf("with another item, the form has %v", fields)
	}
	if got := s.stored(); len(got) != 2 {
		t.Errorf("%d events are stored", len(got))
	}
}

// A form that is submitted again appends once, whatever its condition, and although others append in between.
func TestAppendTwiceAppendsOnce(t *testing.T) {
	for name, condition := range map[string]url.Values{
		"without a condition":                        {},
		"a condition that matches the event":         {"item": {"tag=x"}, "after": {"1"}},
		"a condition that does not match the event":  {"item": {"type=Never"}},
		"a condition that every event would violate": {"after": {"1"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newAppendSite(t)
			s.append(dcb.Event{Type: "A", Tags: []string{"x"}})
			condition.Set("as", "lines")
			condition.Set("lines", `{"type":"A","tags":["x"]}`+"\n"+`{"type":"B"}`)
			form := s.check(condition)
			_, first := s.post(form, http.StatusSeeOther)
			s.append(dcb.Event{Type: "A", Tags: []string{"x"}})
			_, second := s.post(form, http.StatusSeeOther)
			if first != "/append?first=2&last=3" || second != "/append?first=2&last=3&again" {
				t.Errorf("the results are %s and %s", first, second)
			}
			if got := s.stored(); len(got) != 4 {
				t.Errorf("%d events are stored, want 4", len(got))
			}
		})
	}
}

func TestAppendAtTheSameTimeAppendsOnce(t *testing.T) {
	s := newAppendSite(t)
	form := s.check(url.Values{"type": {"A"}})
	other := s.check(url.Values{"type": {"A"}})
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() { s.post(form, http.StatusSeeOther) })
		group.Go(func() { s.post(other, http.StatusSeeOther) })
	}
	group.Wait()
	if got := s.stored(); len(got) != 2 {
		t.Errorf("two forms, submitted four times each, have appended %d events", len(got))
	}
}

func TestAppendShowsConflicts(t *testing.T) {
	s := newAppendSite(t)
	s.append(dcb.Event{Type: "A", Tags: []string{"x"}}, dcb.Event{Type: "A", Tags: []string{"x"}}, dcb.Event{Type: "A"})
	form := url.Values{"type": {"B"}, "item": {"tag=x"}, "after": {"1"}}
	page, _ := s.post(form, http.StatusOK)
	if s.confirmation(page) != nil || !strings.Contains(page, "Would be rejected") || !strings.Contains(page, `href="/event?position=2&amp;tag=x"`) {
		t.Errorf("the page does not show that event 2 is a conflict: %s", page)
	}
	form.Set("after", "2")
	checked := s.check(form)
	s.append(dcb.Event{Type: "A", Tags: []string{"x"}})
	page, _ = s.post(checked, http.StatusConflict)
	if !strings.Contains(page, "Nothing was appended") || !strings.Contains(page, `href="/event?position=4&amp;tag=x"`) {
		t.Errorf("the page does not show that event 4 is a conflict: %s", page)
	}
	if got := s.stored(); len(got) != 4 {
		t.Errorf("%d events are stored, want 4", len(got))
	}
}

// Events that were appended before the check are recognised by the rule of the store.
func TestCheckOfStoredEvents(t *testing.T) {
	s := newAppendSite(t)
	s.append(dcb.Event{Type: "A", UUID: "6ba7b810-9dad-11d1-80b4-00c04fd430c8"})
	form := s.check(url.Values{"type": {"A"}, "uuid": {"6ba7b810-9dad-11d1-80b4-00c04fd430c8"}, "item": {"type=A"}})
	if _, to := s.post(form, http.StatusSeeOther); to != "/append?first=1&last=1&again" {
		t.Errorf("the append leads to %s", to)
	}
	if got := s.stored(); len(got) != 1 {
		t.Errorf("%d events are stored, want 1", len(got))
	}
}

// Without a condition, the check finds stored events by the UUID, and an append of them writes nothing.
func TestCheckOfStoredEventsWithoutACondition(t *testing.T) {
	const id, next = "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6ba7b811-9dad-11d1-80b4-00c04fd430c8"
	s := newAppendSite(t)
	s.append(dcb.Event{Type: "A", UUID: id, Data: []byte("{}")}, dcb.Event{Type: "A"})
	for data, differs := range map[string]bool{"{}": false, "[]": true} {
		values := url.Values{"type": {"A"}, "uuid": {id}, "data": {data}}
		values.Set("do", "check")
		page, _ := s.post(values, http.StatusOK)
		if !strings.Contains(page, "stored already") || strings.Contains(page, "differ from these") != differs {
			t.Errorf("%s: the page is %s", data, page)
		}
		if _, to := s.post(s.check(values), http.StatusSeeOther); to != "/append?first=1&last=1&again" {
			t.Errorf("the append leads to %s", to)
		}
	}
	lines := `{"type":"A","uuid":"` + id + `"}` + "\n" + `{"type":"A","uuid":"` + next + `"}`
	if page, _ := s.post(url.Values{"as": {"lines"}, "lines": {lines}}, http.StatusOK); !strings.Contains(page, "The UUID of the first event is stored already") {
		t.Errorf("the page is %s", page)
	}
	if got := s.stored(); len(got) != 2 {
		t.Errorf("%d events are stored, want 2", len(got))
	}
}

func TestAppendExplainsWrongForms(t *testing.T) {
	s := newAppendSite(t)
	for want, form := range map[string]url.Values{
		"the event has no type":                    {"data": {"{}"}},
		"line 2, column 5":                         {"type": {"A"}, "data": {"{\r\n\"a\":}"}},
		"write key=value":                          {"type": {"A"}, "metadata": {"user"}},
		"item 2 of the condition":                  {"type": {"A"}, "item": {"tag=x", "course:1"}},
		"is not a position":                        {"type": {"A"}, "after": {"-1"}},
		"there are no events":                      {"as": {"lines"}, "lines": {"\r\n"}},
		"line 2":                                   {"as": {"lines"}, "lines": {"{\"type\":\"A\"}\r\n{}"}},
		"events 1 and 2 have the same UUID":        {"as": {"lines"}, "lines": {strings.Repeat(`{"type":"A","uuid":"6ba7b810-9dad-11d1-80b4-00c04fd430c8"}`+"\n", 2)}},
		"there are more than 1000 events":          {"as": {"lines"}, "lines": {strings.Repeat("{\"type\":\"A\"}\n", 1001)}},
		"this page appends at most 256.0 KiB":      {"type": {"A"}, "format": {"text"}, "data": {strings.Repeat("a", 300<<10)}},
		"the form has more than 1.0 MiB: use":      {"type": {"A"}, "data": {strings.Repeat("a", 2<<20)}},
		"the events were checked at position 9999": nil,
	} {
		status := http.StatusBadRequest
		if form == nil {
			form, status = s.check(url.Values{"type": {"A"}}), http.StatusConflict
			form.Set("from", "9999")
		}
		if page, _ := s.post(form, status); !strings.Contains(html.UnescapeString(page), want) {
			t.Errorf("the page of %.200v does not contain %q", form, want)
		}
	}
	if got := s.stored(); len(got) > 0 {
		t.Errorf("the events are %+v", got)
	}
}

func TestAppendIsRefusedUnlessPermitted(t *testing.T) {
	s := newSite(t)
	if page := s.get("/append", http.StatusOK); !strings.Contains(page, "--console-append") || strings.Contains(page, "<form") {
		t.Errorf("the page does not explain that events cannot be appended: %s", page)
	}
	if page, _ := s.post(url.Values{"do": {"append"}, "type": {"A"}}, http.StatusForbidden); !strings.Contains(page, "--console-append") {
		t.Errorf("the answer does not explain that events cannot be appended: %s", page)
	}
	if got := s.stored(); len(got) > 0 {
		t.Errorf("the events are %+v", got)
	}
}

// A page of another site cannot make the browser of a user append.
func TestAppendFromAnotherSite(t *testing.T) {
	s := newAppendSite(t)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/append", strings.NewReader(s.check(url.Values{"type": {"A"}}).Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Sec-Fetch-Site", "cross-site")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if got := s.stored(); response.StatusCode != http.StatusForbidden || len(got) > 0 {
		t.Errorf("the status is %s, and the events are %+v", response.Status, got)
	}
}
