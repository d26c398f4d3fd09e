package console_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/web"
)

// liveMessage is a server-sent event.
type liveMessage struct {
	id, event string
	Count     int
	HTML      string
	Head      uint64
	Detail    string
	Status    int
	positions []string // in the HTML
}

// stream opens the events of Live, and returns a function that waits for the next message.
func (s *site) stream(query string, lastEventID string) (next func() liveMessage) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+"/live/events?"+query, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if lastEventID != "" {
		request.Header.Set("Last-Event-ID", lastEventID)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { response.Body.Close() })
	if kind := response.Header.Get("Content-Type"); kind != "text/event-stream" {
		s.t.Fatalf("the stream has the type %s and the status %s", kind, response.Status)
	}
	lines := bufio.NewReader(response.Body)
	return func() (m liveMessage) {
		s.t.Helper()
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				s.t.Fatalf("the stream ended: %v", err)
			}
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			switch name {
			case "id":
				m.id = value
			case "event":
				m.event = value
			case "data":
				if err := json.Unmarshal([]byte(value), &m); err != nil {
					s.t.Fatal(err)
				}
			case "":
				m.positions = positionsIn(s.t, m.HTML)
				return m
			}
		}
	}
}

func positionsIn(t *testing.T, fragment string) (positions []string) {
	t.Helper()
	page, err := html.Parse(strings.NewReader(fragment))
	if err != nil {
		t.Fatal(err)
	}
	for node := range page.Descendants() {
		if attribute(node, "class") == "position" {
			positions = append(positions, text(node))
		}
	}
	return positions
}

// eventsUntil returns the positions and the number of events up to a position.
func eventsUntil(t *testing.T, next func() liveMessage, last string) (positions []string, count int) {
	t.Helper()
	for {
		m := next()
		if m.event != "events" {
			continue
		}
		slices.Reverse(m.positions) // the newest one is the first
		positions, count = append(positions, m.positions...), count+m.Count
		if m.id == last {
			return positions, count
		}
	}
}

// New events appear, and only those that match. It works with a server of another program too.
func TestLiveShowsNewEvents(t *testing.T) {
	s := newSite(t, makePlain)
	s.append(dcb.Event{Type: "A", Tags: []string{"x"}})
	next := s.stream("type=A&item=tag%3Dy", "")
	if first := next(); first.event != "beat" || first.id != "1" || first.Head != 1 {
		t.Fatalf("the first message is %+v", first)
	}
	s.append(dcb.Event{Type: "A", Data: []byte(`{"<b>":1}`)}, dcb.Event{Type: "B", Tags: []string{"x"}}, dcb.Event{Type: "C", Tags: []string{"y"}})
	if positions, count := eventsUntil(t, next, "4"); !slices.Equal(positions, []string{"2", "4"}) || count != 2 {
		t.Errorf("the events are %v, %d of them", positions, count)
	}
}

// A browser that has lost the connection gets the events after the last one that it has, each once.
func TestLiveResumes(t *testing.T) {
	s := newSite(t)
	for range 5 {
		s.append(dcb.Event{Type: "A"})
	}
	for _, c := range []struct {
		query, id string
		want      []string
	}{
		{"after=0", "", []string{"1", "2", "3", "4", "5"}},
		{"after=3", "", []string{"4", "5"}},
		{"after=0", "4", []string{"5"}},
	} {
		if got, _ := eventsUntil(t, s.stream(c.query, c.id), "5"); !slices.Equal(got, c.want) {
			t.Errorf("%s, the last event is %q: %v, want %v", c.query, c.id, got, c.want)
		}
	}
}

// A message has at most as many events as are shown, the newest ones, and the number of all.
func TestLiveIsBounded(t *testing.T) {
	s := newSite(t)
	const all, shown = 5000, 7
	s.append(slices.Repeat([]dcb.Event{{Type: "A"}}, all)...)
	next, count := s.stream(fmt.Sprintf("after=0&limit=%d", shown), ""), 0
	for last := 0; last < all; {
		m := next()
		if m.event != "events" {
			continue
		}
		count += m.Count
		last, _ = strconv.Atoi(m.id)
		if want := min(m.Count, shown); len(m.positions) != want || m.positions[0] != m.id {
			t.Errorf("a message of %d events up to %s has %v", m.Count, m.id, m.positions)
		}
	}
	if count != all {
		t.Errorf("%d events were counted, want %d", count, all)
	}
}

func TestLivePage(t *testing.T) {
	s := newSite(t)
	s.append(dcb.Event{Type: "A"})
	var data struct {
		After, Head uint64
		Events      string
	}
	if s.json("/live.json?type=A", &data); data.After != 1 || data.Head != 1 || data.Events != "/live/events?after=1&type=A" {
		t.Errorf("the data is %+v", data)
	}
	if s.json("/live.json?type=A&start=1", &data); data.After != 0 || data.Events != "/live/events?after=0&type=A" {
		t.Errorf("from position 1, the data is %+v", data)
	}
	for _, path := range []string{"/live?since=2h", "/live.json?until=2h", "/live/events?after=x", "/live?backwards=true"} {
		s.get(path, http.StatusBadRequest)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/live/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Last-Event-ID", "x")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("a wrong Last-Event-ID has the status %s", response.Status)
	}
}

// refusingEvents refuse subscriptions.
type refusingEvents struct{ dcb.EventStore }

func (refusingEvents) Subscribe(context.Context, dcb.Query, uint64, ...dcb.SubscribeOptions) iter.Seq2[dcb.SequencedEvent, error] {
	return func(yield func(dcb.SequencedEvent, error) bool) {
		yield(dcb.SequencedEvent{}, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "too many terms"})
	}
}

// A subscription that the server refuses ends the stream with the reason.
func TestLiveShowsProblems(t *testing.T) {
	s := newSite(t, func(b *web.Backend) { b.Events = refusingEvents{b.Events} })
	next := s.stream("", "")
	next() // the head
	if m := next(); m.event != "problem" || m.Detail != "too many terms" || m.Status != http.StatusBadRequest {
		t.Errorf("the message is %+v", m)
	}
}
