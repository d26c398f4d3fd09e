package storetest_test

import (
	"flag"
	"slices"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/storetest"
)

// noticedByModel are bugs that random calls come upon soon.
var noticedByModel = []string{
	"an empty store has a head",
	"a refused append leaves a gap",
	"nothing is invalid",
	"conditions are not looked at",
	"after is inclusive",
	"after is one too high",
	"an empty query matches nothing",
	"the events of the append are in conflict",
	"an append without events has no condition",
	"the position in conflict is that of the head",
	"nothing is a retry",
	"everything is a retry",
	"a retry is written again",
	"a retry gets the position of the head",
	"the query must match all of a retry",
	"tracking is checked before a retry",
	"the same position is accepted",
	"a lower position is accepted",
	"a conflict keeps out the tracking but not the events",
	"tracking without events is dropped",
	"all sources are one",
	"start is exclusive forwards",
	"start is exclusive backwards",
	"start 0 is not set",
	"limit is one too high",
	"limit counts all events",
	"head is the last event read",
	"types must all be there",
	"one of the tags is enough",
	"events come item by item",
	"an event comes once for each item",
	"after is inclusive to a subscription",
}

func TestModelNoticesBugs(t *testing.T) {
	setFlag(t, "rapid.nofailfile", "true")
	setFlag(t, "rapid.shrinktime", "0s")
	for _, name := range noticedByModel {
		t.Run(name, func(t *testing.T) {
			i := slices.IndexFunc(bugs, func(b bug) bool { return b.name == name })
			if i < 0 {
				t.Fatal("there is no such bug")
			}
			if len(record(func(r *recorder) { storetest.CheckModel(r, bugs[i].reopener) })) == 0 {
				t.Error("the model does not notice")
			}
		})
	}
}

// reopener opens the same broken store again.
func (b bug) reopener(storetest.T) (dcb.EventStore, func() dcb.EventStore) {
	store := b.broken
	store.Naive = storetest.NewNaive()
	return &store, func() dcb.EventStore {
		store.Naive = store.Naive.Reopen()
		return &store
	}
}

// setFlag sets a flag for as long as the test runs.
func setFlag(t *testing.T, name, value string) {
	f := flag.Lookup(name)
	before := f.Value.String()
	t.Cleanup(func() { f.Value.Set(before) })
	if err := f.Value.Set(value); err != nil {
		t.Fatal(err)
	}
}
