package browsertest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
)

// hostile are texts that would run as a script, leave an element, or break the layout, if a page
// did not escape or wrap them.
var hostile = []string{
	`<script>window.attacked = 1</script>`,
	`"><img src=x onerror="window.attacked = 2">`,
	`javascript:window.attacked=3`,
	`</pre></code><svg onload='window.attacked=4'>`,
	`{{.}} ${window.attacked=5} %s %00`,
	`😀 👩‍👩‍👧 ünïcödé`,
	"\u202eright to left\u202c مرحبا بالعالم",
	`'single' "double" \back &amp; &lt;`,
	strings.Repeat("long", 60),
	" spaces  and\ttabs\nand lines ",
}

// courses returns the events of courses and their students.
func courses(count int) (events []dcb.Event) {
	for c := range count {
		course := fmt.Sprintf("course:c%d", c)
		events = append(events, dcb.Event{Type: "CourseOffered", Tags: []string{course}, Data: fmt.Appendf(nil, `{"title":"Course %d","seats":%d}`, c, 10+c%20)})
		for s := range 4 + c%5 {
			student := fmt.Sprintf("student:s%d", (c*3+s*7)%40)
			events = append(events, dcb.Event{
				Type: "StudentEnrolled", Tags: []string{course, student},
				Data: fmt.Appendf(nil, `{"fee":{"amount":%d.50,"currency":"EUR"},"languages":["en","de"],"paid":%t}`, 90+s, s%2 == 0),
				UUID: fmt.Sprintf("00000000-0000-4000-8000-%06x%06x", c, s),
			})
		}
		if c%4 == 3 {
			events = append(events, dcb.Event{Type: "StudentLeft", Tags: []string{course, fmt.Sprintf("student:s%d", c*3%40)}})
		}
	}
	return events
}

// odd returns events with unusual names and data.
func odd() (events []dcb.Event) {
	for i, text := range hostile {
		events = append(events, dcb.Event{
			Type: text, Tags: []string{text, "odd:" + text}, Data: []byte(text),
			Metadata: []dcb.Metadata{{Key: text, Value: text}},
		}, dcb.Event{
			Type: "Quoted", Tags: []string{fmt.Sprint("n:", i)}, Data: fmt.Appendf(nil, `{%q:%q}`, text, text),
		})
	}
	return append(events,
		dcb.Event{Type: "Binary", Tags: []string{"binary"}, Data: []byte{0, 1, 2, 0xff, 0xfe, '<', 'b', '>'}},
		dcb.Event{Type: "Empty"},
		dcb.Event{Tags: []string{"no-type"}, Data: []byte(`[]`)},
		dcb.Event{Type: "Large", Data: []byte(`"` + strings.Repeat("large ", 3_000) + `"`)},
	)
}

// append appends events in commits of ten, of which every tenth has a tracking position.
func (s *site) append(t *testing.T, events ...dcb.Event) {
	t.Helper()
	for n := 0; n < len(events); n += 10 {
		var tracking *dcb.TrackingInfo
		if s.commits++; s.commits%10 == 1 {
			tracking = &dcb.TrackingInfo{Source: "upstream <b>", Position: s.commits}
		}
		if _, err := s.store.Append(t.Context(), events[n:min(n+10, len(events))], nil, tracking); err != nil {
			t.Fatal(err)
		}
	}
}
