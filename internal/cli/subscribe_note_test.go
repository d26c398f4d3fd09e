package cli

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
)

// On a terminal, subscribe prints once that it waits for new events, after all stored ones.
func TestSubscribeNotesThatItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := store.OpenMemory()
		defer s.Close()
		fill := func(types ...string) {
			for _, name := range types {
				if _, err := s.Append(t.Context(), []dcb.Event{{Type: name}}, nil, nil); err != nil {
					t.Fatal(err)
				}
			}
		}
		fill("a", "b", "a", "b")
		var both bytes.Buffer
		limit := uint32(3)
		f := following{query: dcb.Query{Items: []dcb.QueryItem{{Types: []string{"a"}}}}, limit: &limit, note: &both}
		ended := make(chan error)
		go func() { ended <- f.printLive(context.Background(), s, newPrinter(&both, false)) }()
		synctest.Wait()
		fill("b")
		time.Sleep(time.Minute)
		fill("a")
		if err := <-ended; err != nil {
			t.Error(err)
		}
		const note = "umadb: all events up to position 4 have been read; waiting for new ones\n"
		before, after, found := strings.Cut(both.String(), note)
		if !found || !strings.Contains(before, "3 a") || strings.Contains(after, note[:6]) {
			t.Errorf("printed:\n%s", both.String())
		}
	})
}
