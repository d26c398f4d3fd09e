package interop_test

import (
	"slices"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/storetest"
)

// The released server does not report progress. A subscription that asks for it has the events as
// ever.
func TestProgressWithReleasedServer(t *testing.T) {
	released(t)
	for _, c := range channels {
		t.Run(c.name, func(t *testing.T) {
			store := dial(t, startReleased(t, c))
			for _, name := range []string{"a", "b", "a", "b"} {
				if _, err := store.Append(t.Context(), []dcb.Event{{Type: name}}, nil, nil); err != nil {
					t.Fatal(err)
				}
			}
			query := dcb.Query{Items: []dcb.QueryItem{{Types: []string{"a"}}}}
			f, err := storetest.Follow(t.Context(), store, query, 0, func(f *storetest.Followed) bool { return len(f.Events) < 2 })
			if err != nil || !slices.Equal(f.Events, []uint64{1, 3}) || len(f.Reports) != 0 {
				t.Errorf("events %v, reports %v, %v", f.Events, f.Reports, err)
			}
		})
	}
}
