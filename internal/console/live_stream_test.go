package console

import (
	"context"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/web"
	"github.com/umadb-go/umadb/umadbtest"
)

// The id of a beat is the position up to which no more events match, so that a browser that connects
// again does not make the server search the events before it again.
func TestLiveResumesAfterWhatWasChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := umadbtest.NewStore(t)
		events := slices.Repeat([]dcb.Event{{Type: "Other"}}, 9)
		events[1].Type = "A"
		if _, err := store.Append(t.Context(), events, nil, nil); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), beatInterval+beatInterval/2)
		defer cancel()
		w := httptest.NewRecorder()
		query := dcb.Query{Items: []dcb.QueryItem{{Types: []string{"A"}}}}
		s := &liveStream{tail: tail{query: query, limit: 1}, w: w, backend: &web.Backend{Events: store}}
		if err := s.run(ctx, 9); err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(w.Body.String()) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			if name == "id" || name == "event" {
				got = append(got, value)
			}
		}
		if want := "0 beat 2 events 9 beat"; strings.Join(got, " ") != want {
			t.Errorf("the messages are %q, want %q", got, want)
		}
	})
}
