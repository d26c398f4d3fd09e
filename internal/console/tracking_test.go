package console_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/web"
)

// trackingSources is the JSON of the page.
type trackingSources struct {
	Unlisted string
	Sources  []trackingSource
	More     int
	Asked    *trackingSource
}

type trackingSource struct {
	Source   string
	Position *uint64
}

func (s *site) track(source string, position uint64) {
	s.t.Helper()
	if _, err := s.store.Append(s.t.Context(), nil, nil, &dcb.TrackingInfo{Source: source, Position: position}); err != nil {
		s.t.Fatal(err)
	}
}

func TestTrackingListsSources(t *testing.T) {
	s := newSite(t)
	s.track("web:2", 18446744073709551615)
	s.track("web:1", 3)
	s.track("web:1", 7)
	s.track("mail", 0)
	if got, want := s.get("/tracking.csv", http.StatusOK), "source,position\nmail,0\nweb:1,7\nweb:2,18446744073709551615\n"; got != want {
		t.Errorf("the sources are %q, want %q", got, want)
	}
	if got, want := s.get("/tracking.csv?prefix=web:", http.StatusOK), "source,position\nweb:1,7\nweb:2,18446744073709551615\n"; got != want {
		t.Errorf("with a prefix the sources are %q, want %q", got, want)
	}
	if links := s.links("/tracking"); !slices.Contains(links, "/tracking?source=web%3A1") {
		t.Errorf("no link to a source: %v", links)
	}
	if page := s.get("/tracking?prefix=other", http.StatusOK); !strings.Contains(page, "No source whose name starts with “other” has a position") {
		t.Error("the page does not say that no source has the prefix")
	}
}

func TestTrackingOfManySourcesIsBounded(t *testing.T) {
	s := newSite(t, func(b *web.Backend) {
		b.Operator = sources{b.Operator, func(yield func(dcb.TrackingInfo, error) bool) {
			for n := range 5000 {
				if !yield(dcb.TrackingInfo{Source: fmt.Sprintf("%04d", 4999-n), Position: 1}, nil) {
					return
				}
			}
		}}
	})
	var got trackingSources
	s.json("/tracking.json", &got)
	if len(got.Sources) != 1000 || got.More != 4000 || got.Sources[0].Source != "0000" || got.Sources[999].Source != "0999" {
		t.Errorf("%d sources and %d more, from %q to %q", len(got.Sources), got.More, got.Sources[0].Source, got.Sources[len(got.Sources)-1].Source)
	}
}

// A server that does not list the sources, or not with this key, is asked for one by its name.
func TestTrackingWithoutAList(t *testing.T) {
	for _, refused := range []error{errors.ErrUnsupported, dcb.ErrAuthentication} {
		s := newSite(t, func(b *web.Backend) {
			b.Operator = sources{b.Operator, func(yield func(dcb.TrackingInfo, error) bool) { yield(dcb.TrackingInfo{}, refused) }}
		})
		s.track("web", 300)
		var got trackingSources
		s.json("/tracking.json?source=web", &got)
		if got.Unlisted == "" || got.Asked == nil || got.Asked.Position == nil || *got.Asked.Position != 300 {
			t.Errorf("%v: the data is %+v", refused, got)
		}
		if page := s.get("/tracking?source=none", http.StatusOK); !strings.Contains(page, "none is recorded") || !strings.Contains(page, "ask for one source") {
			t.Errorf("%v: the page does not say that the source has no position: %s", refused, page)
		}
	}
}

// sources is an operator with other tracking sources.
type sources struct {
	web.Operator
	all iter.Seq2[dcb.TrackingInfo, error]
}

func (s sources) TrackingSources(context.Context) iter.Seq2[dcb.TrackingInfo, error] { return s.all }

// The page of a source has the last event that was appended with it, if that is a recent one.
func TestTrackingOfOneSource(t *testing.T) {
	s := newSite(t)
	for n := range uint64(3) {
		if _, err := s.store.Append(t.Context(), []dcb.Event{{Type: "A"}, {Type: "B"}}, nil, &dcb.TrackingInfo{Source: "web", Position: 4 * (n + 1)}); err != nil {
			t.Fatal(err)
		}
	}
	s.append(dcb.Event{Type: "C"})
	s.track("later", 9)
	if shown := s.texts("/tracking?source=web", "recorded"); len(shown) != 1 || !strings.HasPrefix(shown[0], "with event 6 at 20") {
		t.Errorf("the page shows %q", shown)
	}
	if shown := s.texts("/tracking?source=later", "recorded"); len(shown) != 1 || !strings.HasPrefix(shown[0], "not with one of the events from position 1 on, which were recorded since 20") {
		t.Errorf("the page shows %q", shown)
	}
	s.track("web", 13)
	if shown := s.texts("/tracking?source=web", "recorded"); len(shown) != 1 || !strings.HasPrefix(shown[0], "later, by an append without events. The last event of this source recorded 12: event 6 at 20") {
		t.Errorf("the page shows %q", shown)
	}
	s.track("own", 5)
	if shown := s.texts("/tracking?source=own", "own"); len(shown) != 1 || !strings.HasSuffix(shown[0], "up to event 5, and 2 positions follow.") {
		t.Errorf("the page shows %q", shown)
	}
	if shown := s.texts("/tracking?source=web", "own"); len(shown) != 0 {
		t.Errorf("position 13 is not in the store, and the page shows %q", shown)
	}
	if links := s.links("/tracking?source=own"); !slices.Contains(links, "/event?position=5") {
		t.Errorf("the links are %q", links)
	}
}

// How many events are compared is bounded.
func TestTrackingComparesRecentEvents(t *testing.T) {
	s := newSite(t)
	if _, err := s.store.Append(t.Context(), []dcb.Event{{Type: "A"}}, nil, &dcb.TrackingInfo{Source: "web", Position: 4}); err != nil {
		t.Fatal(err)
	}
	s.append(make([]dcb.Event, 999)...)
	var page struct {
		Asked struct {
			LastEvent *struct{ Position uint64 } `json:"last_event"`
			Compared  uint64                     `json:"compared_from"`
		}
	}
	s.json("/tracking.json?source=web", &page)
	if positionOf(page.Asked.LastEvent) != 1 {
		t.Errorf("got %+v", page)
	}
	s.append(dcb.Event{})
	page.Asked.LastEvent = nil
	s.json("/tracking.json?source=web", &page)
	if page.Asked.LastEvent != nil || page.Asked.Compared != 2 {
		t.Errorf("got %+v", page)
	}
	for range 4 {
		s.append(dcb.Event{Data: make([]byte, 3<<20)})
	}
	s.json("/tracking.json?source=web", &page)
	if page.Asked.Compared != 1003 {
		t.Errorf("got %+v", page)
	}
}

// A key that may not read events gets the position.
func TestTrackingOfOneSourceWithLimitedKey(t *testing.T) {
	for _, rights := range []server.Rights{server.RightTracking, server.RightTracking | server.RightRead} {
		s := newLimitedSite(t, server.Key{Rights: rights, Types: []string{"A"}})
		s.append(dcb.Event{Type: "B"})
		s.track("web", 1)
		var page trackingSources
		s.json("/tracking.json?source=web", &page)
		if page.Asked == nil || page.Asked.Position == nil || *page.Asked.Position != 1 {
			t.Errorf("got %+v", page)
		}
		s.get("/tracking?source=web", http.StatusOK)
	}
}
