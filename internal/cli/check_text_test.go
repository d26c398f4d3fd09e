package cli

import (
	"slices"
	"testing"

	"github.com/umadb-go/umadb/internal/store"
)

// The lines about the index are understandable without knowing its structure.
func TestCheckDescribesWhatItExamined(t *testing.T) {
	const none = "nothing to check: there is no index block yet"
	for _, c := range []struct {
		examined uint64
		status   store.Status
		want     []string // for each invariant
	}{
		{0, store.Holds, []string{"0 segments", "0 groups", "0 events", "0 tracking sources", none, none, none}},
		{1, store.Holds, []string{"1 segment", "1 group", "1 event", "1 tracking source",
			"the log reaches the end of 1 index block", "1 index block", "1 comparison of the index with the log"}},
		{0, store.NotReached, []string{"0 segments", "0 groups", "0 events", "0 tracking sources", "0 blocks", "0 blocks", "0 comparisons"}},
	} {
		var got []string
		for _, invariant := range store.Invariants() {
			got = append(got, examinedText(&store.Finding{Invariant: invariant, Status: c.status, Examined: c.examined}))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%d, %s: got %q, want %q", c.examined, c.status, got, c.want)
		}
	}
}
