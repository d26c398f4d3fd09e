package console_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
)

// No page of large events is large, as HTML, JSON or CSV, although JSON has six bytes for each of theirs.
func TestAnswersWithLargeEventsAreBounded(t *testing.T) {
	d := newDeciding(t)
	const events = 11
	for range events {
		d.append(dcb.Event{Type: "A", Data: make([]byte, 3<<20)})
	}
	for after := range uint64(events) {
		d.reject([]dcb.Event{{Type: "A"}}, &dcb.AppendCondition{FailIfEventsMatch: items(dcb.QueryItem{Types: []string{"A"}}), After: after}, nil)
	}
	for path, most := range map[string]int{
		"/why%s?type=A&after=0": 1 << 20, "/rejections%s": 1 << 20,
		"/browse%s?limit=100": 10 << 20, "/event%s?position=2": 10 << 20, "/data%s?position=2": 10 << 20,
		"/code%s?type=A": 1 << 20, "/code%s?position=2": 1 << 20,
	} {
		for _, kind := range []string{"", ".json", ".csv"} {
			isTable := !strings.HasPrefix(path, "/code") && !strings.HasPrefix(path, "/event") && !strings.HasPrefix(path, "/data")
			if kind == ".csv" && !isTable {
				continue
			}
			if got := d.get(fmt.Sprintf(path, kind), http.StatusOK); len(got) > most {
				t.Errorf(path+" has %d bytes, want at most %d", kind, len(got), most)
			}
		}
	}
}

// omitted is what the JSON of an event has instead of its data.
type omitted struct {
	Position uint64
	Data     json.RawMessage
	Omitted  *struct {
		Bytes    int
		Download string
	} `json:"data_omitted"`
}

// An event whose data is omitted has a link to it, and its begin is shown.
func TestOmittedData(t *testing.T) {
	s := newSite(t)
	large := strings.Repeat("\x01", 2<<20)
	s.append(dcb.Event{Type: "A", Data: []byte("small")}, dcb.Event{Type: "A", Data: []byte(large)})
	for _, path := range []string{"/browse%s?order=oldest", "/why%s?type=A&after=0"} {
		var page struct {
			Events    []omitted
			Conflicts []struct{ Event omitted }
		}
		s.json(fmt.Sprintf(path, ".json"), &page)
		for _, c := range page.Conflicts {
			page.Events = append(page.Events, c.Event)
		}
		if len(page.Events) != 2 {
			t.Fatalf("%s has %d events", path, len(page.Events))
		}
		if e := page.Events[0]; string(e.Data) != `"small"` || e.Omitted != nil {
			t.Errorf("%s: the small event is %+v", path, e)
		}
		e := page.Events[1]
		if e.Data != nil || e.Omitted == nil || e.Omitted.Bytes != len(large) {
			t.Fatalf("%s: the large event is %+v", path, e)
		}
		if got := s.get(e.Omitted.Download, http.StatusOK); got != large {
			t.Errorf("%s has %d bytes", e.Omitted.Download, len(got))
		}
		shown := s.texts(fmt.Sprintf(path, ""), "data")
		if len(shown) != 2 || len(shown[1]) < 1000 || !strings.Contains(s.get(fmt.Sprintf(path, ""), http.StatusOK), `2.0 MiB, cut: <a`) {
			t.Errorf("%s does not show the begin and the size of the large event", path)
		}
	}
	if rows := strings.Split(s.get("/browse.csv?order=oldest", http.StatusOK), "\n"); len(rows) != 4 || !strings.HasSuffix(rows[1], ",small,") || !strings.HasSuffix(rows[2], ",,/data/download?position=2") {
		t.Errorf("the CSV is %.300q", rows)
	}
}

// A page of events ends before an event of which only the next page can have all data.
func TestPageEndsWhereItsBudgetDoes(t *testing.T) {
	s := newSite(t)
	for range 4 {
		s.append(dcb.Event{Type: "A", Data: []byte(strings.Repeat(`\`, 2<<20-1000))}) // twice as large as JSON
	}
	pages := 0
	for next := "/browse?"; next != ""; pages++ {
		var page struct {
			Events []omitted
			Next   string
		}
		s.json(strings.Replace(next, "/browse?", "/browse.json?", 1), &page)
		if len(page.Events) != 2 || page.Events[0].Data == nil || page.Events[1].Data == nil {
			t.Errorf("%s has %d events, or one without its data", next, len(page.Events))
		}
		next = page.Next
	}
	if pages != 2 {
		t.Errorf("there are %d pages, want 2", pages)
	}
}
