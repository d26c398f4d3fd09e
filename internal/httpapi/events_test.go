package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/web"
)

// positions returns those of the events in lines.
func positions(t *testing.T, lines string) (found []uint64) {
	t.Helper()
	for line := range strings.Lines(lines) {
		var e struct{ Position uint64 }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		found = append(found, e.Position)
	}
	return found
}

func TestEventsAreLines(t *testing.T) {
	a := newAPI(t)
	a.append(dcb.Event{Type: "A", Tags: []string{"x"}, UUID: "8c9b1f64-6d0a-4c57-9d0e-5b1c64a1f7d2", Data: []byte(`{"n": 1}`)}, event("B"))
	got := a.do(http.MethodGet, "/v1/events?type=A", "")
	if got.header.Get("Content-Type") != "application/x-ndjson" || got.header.Get("Umadb-Head") != "2" {
		t.Errorf("the headers are %v", got.header)
	}
	var line map[string]any
	if err := json.Unmarshal([]byte(got.body), &line); err != nil {
		t.Fatal(err)
	}
	delete(line, "recorded_at")
	want := map[string]any{"position": 1.0, "type": "A", "tags": []any{"x"}, "uuid": "8c9b1f64-6d0a-4c57-9d0e-5b1c64a1f7d2", "data": map[string]any{"n": 1.0}}
	if fmt.Sprint(line) != fmt.Sprint(want) {
		t.Errorf("the line is %v, want %v", line, want)
	}
}

func TestEventsAreSelected(t *testing.T) {
	a := newAPI(t)
	before := time.Now().Add(-time.Second).UTC().Format(time.RFC3339Nano)
	a.append(event("A", "x"), event("B", "x"), event("A", "y"), event("C", "z"))
	for query, want := range map[string][]uint64{
		"":                            {1, 2, 3, 4},
		"?type=A&type=B&tag=x":        {1, 2},
		"?tag=y&item=type%3DC":        {3, 4},
		"?item={\"tags\":[\"z\"]}":    {4},
		"?after=2":                    {3, 4},
		"?start=2&backwards=true":     {2, 1},
		"?since=" + before:            {1, 2, 3, 4},
		"?until=" + before:            nil,
		"?since=1h&backwards=true":    {4, 3, 2, 1},
		"?after=18446744073709551614": nil,
	} {
		if got := positions(t, a.get("/v1/events"+query)); !slices.Equal(got, want) {
			t.Errorf("%q has the positions %v, want %v", query, got, want)
		}
	}
}

func TestHeadIsThePositionUpToWhichTheAnswerHasAllEvents(t *testing.T) {
	a := newAPI(t)
	before := time.Now().Add(-time.Second).UTC().Format(time.RFC3339Nano)
	for range 5 {
		a.append(event("A", "x"))
	}
	a.append(event("B"))
	for query, want := range map[string]string{
		"":                                "6",
		"?type=A":                         "6",
		"?type=none":                      "6",
		"?type=A&limit=2":                 "2", // there are more
		"?type=A&limit=5":                 "6",
		"?type=none&limit=5":              "6",
		"?backwards=true&limit=2":         "6",
		"?backwards=true&start=4":         "4",
		"?backwards=true&start=4&limit=1": "4",
		"?until=" + before:                "0",
		"?until=" + before + "&limit=1":   "0",
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			if got := a.do(method, "/v1/events"+query, "").header.Get("Umadb-Head"); got != want {
				t.Errorf("%s %q has the head %q, want %q", method, query, got, want)
			}
		}
	}
}

// Following the links reads what one answer has.
func TestPages(t *testing.T) {
	a := newAPI(t)
	for i := range 23 {
		a.append(event(fmt.Sprint("T", i%3), "x"))
	}
	for _, query := range []string{"", "&type=T1", "&type=T1&backwards=true", "&since=1h", "&after=4", "&start=9&backwards=true", "&type=none"} {
		want := positions(t, a.get("/v1/events?"+query))
		for _, limit := range []int{1, 2, 7, 8, 23, 24, 4294967295} {
			var got []uint64
			for path := fmt.Sprintf("/v1/events?limit=%d%s", limit, query); path != ""; {
				page := a.do(http.MethodGet, path, "")
				found := positions(t, page.body)
				if page.status != http.StatusOK || len(found) > limit || len(found) == 0 && len(want) > 0 {
					t.Fatalf("%s has %d events with the status %d", path, len(found), page.status)
				}
				got = append(got, found...)
				path = ""
				if link := page.header.Get("Link"); link != "" {
					path = strings.TrimSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
				}
				if next := page.header.Get("Umadb-Next"); (next == "") != (path == "") || next != "" && !strings.Contains(path, "start="+next) {
					t.Errorf("the next page is at %q, the link is to %q", next, path)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("pages of %d with %q have the positions %v, want %v", limit, query, got, want)
			}
		}
	}
}

func TestPageOfLargeEventsEndsBeforeItsLimit(t *testing.T) {
	a := newAPI(t)
	for range 3 {
		a.append(dcb.Event{Type: "A", Data: []byte(strings.Repeat("\x01", 600<<10))})
	}
	page := a.do(http.MethodGet, "/v1/events?limit=10", "")
	if got := positions(t, page.body); !slices.Equal(got, []uint64{1}) || page.header.Get("Umadb-Next") != "2" {
		t.Errorf("the page has the positions %v and %v", got, page.header)
	}
	if got := positions(t, a.get("/v1/events")); len(got) != 3 {
		t.Errorf("an answer without a limit has the positions %v", got)
	}
}

func TestMistakesInParameters(t *testing.T) {
	a := newAPI(t)
	for path, want := range map[string]string{
		"/v1/events?typ=A":                    "it is unknown",
		"/v1/events?tag=":                     "is empty",
		"/v1/events?tag=%zz":                  "malformed",
		"/v1/events?tag=a;b":                  "malformed",
		"/v1/events?tag=%ff":                  "UTF-8",
		"/v1/events?limit=0":                  "at least 1",
		"/v1/events?limit=x":                  "not a number",
		"/v1/events?after=1&backwards=true":   "backwards is given too",
		`/v1/events?item={"tags":[null]}`:     "must be a list of strings",
		"/v1/subscribe?limit=1":               `the parameter "limit" is unknown: use type`,
		"/v1/subscribe?tag=%ff":               "UTF-8",
		"/v1/head?x=1":                        "there are no parameters here",
		"/v1/position-at":                     "how long ago",
		"/v1/position-at?time=1h&time=2h":     "given 2 times",
		"/v1/tags?limit=1001":                 "from 1 to 1000",
		"/v1/tags?order=size":                 "events or name",
		"/v1/count?limit=1":                   "unknown",
		"/v1/tracking":                        "is missing",
		"/v1/tracking?source=a&source=b":      "given 2 times",
		"/v1/types?prefix=a&prefix=b&limit=1": "given 2 times",
	} {
		if p := a.problem(a.do(http.MethodGet, strings.ReplaceAll(path, `"`, "%22"), ""), http.StatusBadRequest); !strings.Contains(p.Detail, want) {
			t.Errorf("%s: %q, want %q", path, p.Detail, want)
		}
	}
	a.problem(a.do(http.MethodGet, "/v1/subscribe", "", "Last-Event-ID", "x"), http.StatusBadRequest)
	a.problem(a.do(http.MethodGet, "/v1/nothing", ""), http.StatusNotFound)
	if got := a.do(http.MethodGet, "/v1/append", ""); got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != "POST" {
		t.Errorf("the answer is %+v", got)
	}
}

// failing is a store whose reads fail after the first event.
type failing struct{ dcb.EventStore }

func (failing) Read(context.Context, dcb.Query, dcb.ReadOptions) *dcb.ReadResponse {
	read := false
	return dcb.NewReadResponse(func() ([]dcb.SequencedEvent, uint64, error) {
		if read {
			return nil, 0, errors.New("the disk failed")
		}
		read = true
		return []dcb.SequencedEvent{{Position: 1}}, 2, nil
	}, func() {})
}

// An answer that fails midway must not look complete.
func TestAnswerThatFailsMidwayIsIncomplete(t *testing.T) {
	a := serve(t, web.Options{}, &web.Backend{Events: failing{}})
	response, err := http.Get(a.url + "/v1/events")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) || len(positions(t, string(body))) != 1 {
		t.Errorf("the answer is %q and ends with %v", body, err)
	}
}
