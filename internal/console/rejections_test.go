package console_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/web"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// deciding is a site whose server has a client that appends.
type deciding struct {
	*site
	client dcb.EventStore
}

func newDeciding(t *testing.T, change ...func(*web.Backend)) *deciding {
	t.Helper()
	d := new(deciding)
	d.site = newSite(t, append([]func(*web.Backend){func(b *web.Backend) { d.client = b.Events }}, change...)...)
	d.get("/complete/types", http.StatusOK) // a request sets the client
	return d
}

// reject makes an append that must be rejected.
func (d *deciding) reject(events []dcb.Event, condition *dcb.AppendCondition, tracking *dcb.TrackingInfo) {
	d.t.Helper()
	if _, err := d.client.Append(d.t.Context(), events, condition, tracking); !errors.Is(err, dcb.ErrIntegrity) {
		d.t.Fatalf("the append returned %v", err)
	}
}

// rejectionPage is what the tests read of the JSON of /rejections.
type rejectionPage struct {
	Rejections []struct {
		Number           uint64
		Events           []struct{ Type string }
		ConflictPosition uint64 `json:"conflict_position"`
		Conflict         *struct{ Position uint64 }
		Matches          []struct {
			Item    int
			Type    *string
			Tags    []string
			Perhaps bool
		}
		Explanation string
		Omitted     uint64
	}
	Total       uint64
	Next        string
	Unavailable string
}

func (d *deciding) rejections(path string) (page rejectionPage) {
	d.t.Helper()
	d.json(strings.Replace(path, "/rejections", "/rejections.json", 1), &page)
	return page
}

// earlier is how long before the rejection the conflicting event was recorded.
var earlier = regexp.MustCompile(`appended (less than 1 ms|[\d.]+ (ms|s|min)) before`)

func items(items ...dcb.QueryItem) dcb.Query { return dcb.Query{Items: items} }

// The page explains the rejection of the demo, and leads to the conflicting event and to what to do.
func TestRejectedEnrolment(t *testing.T) {
	d := newDeciding(t)
	course := items(dcb.QueryItem{Types: []string{"CourseOffered", "StudentEnrolled"}, Tags: []string{"course:go"}})
	d.append(dcb.Event{Type: "CourseOffered", Tags: []string{"course:go"}})
	d.append(dcb.Event{Type: "StudentEnrolled", Tags: []string{"course:go", "student:Ann"}})
	d.reject([]dcb.Event{{Type: "StudentEnrolled", Tags: []string{"course:go", "student:Bob"}}}, &dcb.AppendCondition{FailIfEventsMatch: course, After: 1}, nil)
	want := "The decision had read up to position 1. Event 2 (StudentEnrolled, course:go student:Ann) was appended T before this append, and matches its condition."
	got := d.texts("/rejections", "explanation")
	if len(got) != 1 || earlier.ReplaceAllString(got[0], "appended T before") != want {
		t.Errorf("the explanation is %q, want %q", got, want)
	}
	if marked := d.elements("/rejections", "mark"); !slices.Equal(marked, []string{"StudentEnrolled", "course:go"}) {
		t.Errorf("%q is marked", marked)
	}
	if shown := d.texts("/rejections", "position"); !slices.Equal(shown, []string{"2"}) {
		t.Errorf("the conflicting events are %q", shown)
	}
	links := d.links("/rejections")
	whyLink := slices.IndexFunc(links, func(l string) bool { return strings.HasPrefix(l, "/why?") })
	for _, l := range []string{"/event?position=2", "/browse?" + url.Values{"type": {"CourseOffered", "StudentEnrolled"}, "tag": {"course:go"}}.Encode()} {
		if !slices.Contains(links, l) {
			t.Errorf("the page has no link to %s: %q", l, links)
		}
	}
	if whyLink < 0 {
		t.Fatalf("no link leads to /why: %q", links)
	}
	if why := d.why(links[whyLink]); !why.Rejected || len(why.Conflicts) != 1 || why.Conflicts[0].Event.Position != 2 {
		t.Errorf("%s has %+v", links[whyLink], why)
	}
	if later := d.texts("/rejections", "later"); len(later) != 0 {
		t.Errorf("no event was appended later, and the page shows %q", later)
	}
	d.append(dcb.Event{Type: "StudentEnrolled", Tags: []string{"course:go", "student:Cid"}}, dcb.Event{Type: "StudentEnrolled", Tags: []string{"student:Bob", "course:go"}})
	if later := d.texts("/rejections?id=1", "later"); !slices.Equal(later, []string{"An event with the same type and tags was appended later: event 4."}) {
		t.Errorf("the page shows %q", later)
	}
	csv := strings.Split(d.get("/rejections.csv", http.StatusOK), "\n")
	if len(csv) != 3 || !strings.Contains(csv[1], `"[""type=CourseOffered type=StudentEnrolled tag=course:go""]",1,2,,,`) {
		t.Errorf("the CSV is %q", csv)
	}
}

func TestExplanationsOfRejections(t *testing.T) {
	event := dcb.Event{Type: "E", Tags: []string{"a", "b"}}
	const named = "The decision had read up to position 1. Event 2 (E, a b) was appended T before this append, and matches its condition"
	for what, c := range map[string]struct {
		condition   *dcb.AppendCondition
		tracking    *dcb.TrackingInfo
		matches     string
		explanation string
	}{
		"several items": {
			condition:   &dcb.AppendCondition{FailIfEventsMatch: items(dcb.QueryItem{Types: []string{"E"}, Tags: []string{"c"}}, dcb.QueryItem{Tags: []string{"a", "b"}}, dcb.QueryItem{Types: []string{"F", "E"}}), After: 1},
			matches:     "2 [a b], 3 E []",
			explanation: named + ".",
		},
		"types": {
			condition:   &dcb.AppendCondition{FailIfEventsMatch: items(dcb.QueryItem{Types: []string{"E"}}), After: 1},
			matches:     "1 E []",
			explanation: named + ".",
		},
		"tags, after nothing": {
			condition:   &dcb.AppendCondition{FailIfEventsMatch: items(dcb.QueryItem{Tags: []string{"b"}})},
			matches:     "1 [b]",
			explanation: strings.Replace(named, "The decision had read up to position 1.", "The condition has no position that the decision had read, so no event at all may match it.", 1) + ".",
		},
		"an empty query": {
			condition:   &dcb.AppendCondition{After: 1},
			explanation: named + ", as every event does.",
		},
		"an empty item": {
			condition:   &dcb.AppendCondition{FailIfEventsMatch: items(dcb.QueryItem{Types: []string{"none"}}, dcb.QueryItem{}), After: 1},
			matches:     "2 []",
			explanation: named + ".",
		},
		"items that are too long": {
			condition:   &dcb.AppendCondition{FailIfEventsMatch: items(dcb.QueryItem{Tags: []string{"a", strings.Repeat("x", 1000)}}, dcb.QueryItem{Tags: []string{"a"}}), After: 1},
			matches:     "1? [a], 2 [a]",
			explanation: named + ".",
		},
		"tracking": {
			tracking:    &dcb.TrackingInfo{Source: "payments", Position: 17},
			explanation: "Position 17 of the tracking source payments is not after the recorded one: what has this position upstream has been processed already.",
		},
		"tracking with a condition that holds": {
			condition:   &dcb.AppendCondition{FailIfEventsMatch: items(dcb.QueryItem{Types: []string{"E"}}), After: 2},
			tracking:    &dcb.TrackingInfo{Source: "payments", Position: 3},
			explanation: "Position 3 of the tracking source payments is not after the recorded one: what has this position upstream has been processed already.",
		},
	} {
		t.Run(what, func(t *testing.T) {
			d := newDeciding(t)
			if _, err := d.store.Append(t.Context(), []dcb.Event{{Type: "First"}, event}, nil, &dcb.TrackingInfo{Source: "payments", Position: 17}); err != nil {
				t.Fatal(err)
			}
			d.reject([]dcb.Event{{Type: "New"}}, c.condition, c.tracking)
			page := d.rejections("/rejections")
			if len(page.Rejections) != 1 {
				t.Fatalf("got %+v", page)
			}
			var matches []string
			for _, m := range page.Rejections[0].Matches {
				text := fmt.Sprint(m.Item)
				if m.Perhaps {
					text += "?"
				}
				if m.Type != nil {
					text += " " + *m.Type
				}
				matches = append(matches, fmt.Sprint(text, " ", m.Tags))
			}
			if got := strings.Join(matches, ", "); got != c.matches {
				t.Errorf("the matching items are %q, want %q", got, c.matches)
			}
			if got := earlier.ReplaceAllString(page.Rejections[0].Explanation, "appended T before"); got != c.explanation {
				t.Errorf("the explanation is %q, want %q", got, c.explanation)
			}
			if got := d.texts("/rejections", "explanation"); len(got) != 1 {
				t.Errorf("the page has %d explanations", len(got))
			}
		})
	}
}

// The links to older rejections lead to each once.
func TestRejectionsPages(t *testing.T) {
	d := newDeciding(t)
	d.append(dcb.Event{Type: "A"})
	for range 60 {
		d.reject([]dcb.Event{{Type: "B"}}, new(dcb.AppendCondition), nil)
	}
	var got []uint64
	for next := "/rejections"; next != ""; {
		page := d.rejections(next)
		if page.Total != 60 {
			t.Errorf("%s has %d in total", next, page.Total)
		}
		for _, r := range page.Rejections {
			got = append(got, r.Number)
		}
		next = page.Next
	}
	if len(got) != 60 || got[0] != 60 || got[59] != 1 || !slices.IsSortedFunc(got, func(a, b uint64) int { return int(b) - int(a) }) {
		t.Errorf("got %v", got)
	}
	d.get("/rejections?before=x", http.StatusBadRequest)
	if page := d.rejections("/rejections?id=2"); len(page.Rejections) != 1 || page.Rejections[0].Number != 2 || page.Next != "" {
		t.Errorf("got %+v", page)
	}
	if links := d.links("/rejections?id=2"); !slices.Contains(links, "/rejections?id=2") {
		t.Errorf("the links are %q", links)
	}
	if notices := d.texts("/rejections?id=99", "notice"); len(notices) != 1 || !strings.Contains(notices[0], "no rejection 99") {
		t.Errorf("got %q", notices)
	}
}

// An event between the conflicting one and the rejection is not one that was appended later.
func TestRejectionAfterTheSameEvent(t *testing.T) {
	s := newSite(t)
	s.append(dcb.Event{Type: "A"}, dcb.Event{Type: "B"})
	events, _, err := s.store.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	for shift, want := range map[time.Duration]int{-time.Hour: 1, time.Hour: 0} {
		answer := &adminv1.RejectionsResponse{Total: 1, Rejections: []*adminv1.Rejection{{
			Number: 1, Time: timestamppb.New(events[0].RecordedAt.Add(shift)), ConflictPosition: 1, Events: []*adminv1.RejectedEvent{{Type: "B"}}, Condition: new(adminv1.RejectedCondition),
		}}}
		shown := newSite(t, func(b *web.Backend) { b.Events, b.Operator = s.store, operator{answer: answer} })
		if later := shown.texts("/rejections", "later"); len(later) != want {
			t.Errorf("rejected %v after the event: the page shows %q", shift, later)
		}
	}
}

// operator answers with given rejections.
type operator struct {
	web.Operator
	answer *adminv1.RejectionsResponse
	err    error
}

func (o operator) Rejections(context.Context, uint32) (*adminv1.RejectionsResponse, error) {
	return o.answer, o.err
}

func TestRejectionsThatAreNotKnown(t *testing.T) {
	for want, failure := range map[string]error{
		"another program or an older version": errPlain,
		"does not have the right admin":       dcb.ErrAuthentication,
	} {
		s := newSite(t, makePlain, func(b *web.Backend) { b.Operator = operator{err: failure} })
		s.append(dcb.Event{Type: "A"})
		for _, path := range []string{"/rejections", "/event?position=1"} {
			if page := s.get(path, http.StatusOK); !strings.Contains(page, want) {
				t.Errorf("%s does not contain %q: %s", path, want, page)
			}
		}
	}
	s := newSite(t, func(b *web.Backend) { b.Operator = operator{err: dcb.ErrTransport} })
	s.get("/rejections", http.StatusServiceUnavailable)
}

// A directory has no server whose rejections could be shown, nor connections and backups.
func TestDirectoryWithoutAServer(t *testing.T) {
	d := newDeciding(t, func(b *web.Backend) { b.Directory = true })
	d.append(dcb.Event{Type: "A"})
	d.reject([]dcb.Event{{Type: "B"}}, new(dcb.AppendCondition), nil)
	if page := d.rejections("/rejections"); len(page.Rejections) != 0 || !strings.Contains(page.Unavailable, "a directory without a server") {
		t.Errorf("got %+v", page)
	}
	for _, name := range []string{"Connections", "Rejected", "No backup"} {
		if strings.Contains(d.get("/", http.StatusOK), name) {
			t.Errorf("the overview of a directory has %s", name)
		}
	}
}

func TestOverviewHasTheRejections(t *testing.T) {
	d := newDeciding(t)
	d.append(dcb.Event{Type: "A"})
	d.reject([]dcb.Event{{Type: "B"}}, new(dcb.AppendCondition), nil)
	if tiles := d.texts("/", "tiles"); len(tiles) != 1 || !strings.Contains(tiles[0], "Rejected1 last ") {
		t.Errorf("the tiles are %q", tiles)
	}
}

// A pair of the URL that cannot be parsed is an error, not a question without it.
func TestMalformedParameters(t *testing.T) {
	s := newSite(t)
	s.append(dcb.Event{Type: "A"})
	for _, path := range []string{"/browse", "/browse.json", "/browse.csv", "/why.json", "/graph.json", "/timeline.json", "/complete/tags", "/live/events", "/event", "/code.json", "/append"} {
		if body := s.get(path+"?tag=%zz", http.StatusBadRequest); !strings.Contains(body, "parameters of the URL") {
			t.Errorf("%s: %s", path, body)
		}
	}
	const late = "since=1h&until=9999-12-31T23:59:59.999999999Z"
	if body := s.get("/timeline.json?"+late, http.StatusBadRequest); !strings.Contains(body, "years 1 to 9998") {
		t.Errorf("got %s", body)
	}
}

// Of a storm, the page has the numbers of those that were not kept.
func TestRejectionsThatAreNotKept(t *testing.T) {
	answer := &adminv1.RejectionsResponse{Total: 5000, Rejections: []*adminv1.Rejection{{Number: 4000}, {Number: 3998}, {Number: 3997}}}
	s := newSite(t, func(b *web.Backend) { b.Operator = operator{answer: answer} })
	if got := s.texts("/rejections", "omitted"); !slices.Equal(got, []string{"1 more rejection was not kept"}) {
		t.Errorf("got %q", got)
	}
}

// denied is a store that the key may not read.
type denied struct{ dcb.EventStore }

func (denied) Read(context.Context, dcb.Query, dcb.ReadOptions) *dcb.ReadResponse {
	return dcb.NewReadResponse(func() ([]dcb.SequencedEvent, uint64, error) { return nil, 0, dcb.ErrAuthentication }, func() {})
}

func TestRejectionWhoseConflictCannotBeRead(t *testing.T) {
	d := newDeciding(t, func(b *web.Backend) { b.Events = denied{b.Events} })
	d.append(dcb.Event{Type: "A"})
	d.reject([]dcb.Event{{Type: "B"}}, &dcb.AppendCondition{FailIfEventsMatch: items(dcb.QueryItem{Types: []string{"A"}})}, nil)
	page := d.rejections("/rejections")
	if len(page.Rejections) != 1 || page.Rejections[0].Conflict != nil || page.Rejections[0].ConflictPosition != 1 || !strings.Contains(page.Rejections[0].Explanation, "Event 1, which cannot be read here, matches") {
		t.Errorf("got %+v", page)
	}
	d.get("/rejections", http.StatusOK)
}
