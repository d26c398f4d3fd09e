package browsertest_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
)

// From the first page, links lead to the rejected enrolment, to why it was rejected, and to what to do.
func TestRejectedEnrolment(t *testing.T) {
	t.Parallel()
	s := serve(t)
	enrolled := func(student string) []dcb.Event {
		return []dcb.Event{{Type: "StudentEnrolled", Tags: []string{"course:go", "student:" + student}}}
	}
	course := dcb.Query{Items: []dcb.QueryItem{{Types: []string{"CourseOffered", "StudentEnrolled"}, Tags: []string{"course:go"}}}}
	s.append(t, dcb.Event{Type: "CourseOffered", Tags: []string{"course:go"}})
	s.append(t, enrolled("Ann")...)
	_, err := s.store.Append(t.Context(), enrolled("Bob"), &dcb.AppendCondition{FailIfEventsMatch: course, After: 1}, nil)
	if !errors.Is(err, dcb.ErrIntegrity) {
		t.Fatalf("the append returned %v", err)
	}
	checked := newAccessibility(t)
	b := newTab(t)
	b.open(s.url + "/")
	for _, step := range []struct{ link, want string }{
		{`body > header nav a[href="/rejections"]`, "Event 2 (StudentEnrolled, course:go student:Ann)"},
		{`a[href^="/why?"]`, "would be rejected: event 2 matches it"},
		{`a.position`, "Rejection 1"},
	} {
		link := eval[string](b, "document.querySelector('"+step.link+"').href")
		b.open(link)
		if text := eval[string](b, `document.querySelector("main").textContent`); !strings.Contains(text, step.want) {
			t.Errorf("%s has not the text %q: %s", link, step.want, text)
		}
		checked.page(b)
	}
}
