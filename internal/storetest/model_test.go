package storetest_test

import (
	"flag"
	"slices"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/storetest"
)

// detectedByModel contains the bugs that a few random sequences detect.
var detectedByModel = []string{
	"an empty store has a head",
	"a refused append leaves a gap",
	"nothing is invalid",
	"conditions are ignored",
	"after is inclusive",
	"after is one too high",
	"an empty query matches nothing",
	"an append conflicts with its own events",
	"an append without events has no condition",
	"the conflict position is the head",
	"nothing is a retry",
	"everything is a retry",
	"a retry is written again",
	"a retry gets the position of the head",
	"the query must match all of a retry",
	"tracking is checked before a retry",
	"the same position is accepted",
	"a lower position is accepted",
	"a tracking conflict drops the tracking but not the events",
	"tracking without events is dropped",
	"all sources share one position",
	"start is exclusive forwards",
	"start is exclusive backwards",
	"start 0 is not set",
	"limit is one too high",
	"limit counts all events",
	"head is the last event read",
	"all types must match",
	"one of the tags is enough",
	"events are returned item by item",
	"an event is returned once for each item",
	"after is inclusive to a subscription",
}

func TestModelDetectsBugs(t *testing.T) {
	setFlag(t, "rapid.nofailfile", "true")
	setFlag(t, "rapid.shrinktime", "0s")
	for _, name := range detectedByModel {
		t.Run(name, func(t *testing.T) {
			i := slices.IndexFunc(bugs, func(b bug) bool { return b.name == name })
			if i < 0 {
				t.Fatal("unknown bug")
			}
			if len(record(func(r *recorder) { storetest.CheckModel(r, bugs[i].reopener) })) == 0 {
				t.Error("the model does not detect it")
			}
		})
	}
}

// reopener returns a store with the bug and a function that reopens it.
func (b bug) reopener(storetest.T) (dcb.EventStore, func() dcb.EventStore) {
	store := b.broken
	store.Naive = storetest.NewNaive()
	return &store, func() dcb.EventStore {
		store.Naive = store.Naive.Reopen()
		return &store
	}
}

// setFlag sets a flag until the end of the test.
func setFlag(t *testing.T, name, value string) {
	f := flag.Lookup(name)
	before := f.Value.String()
	t.Cleanup(func() { f.Value.Set(before) })
	if err := f.Value.Set(value); err != nil {
		t.Fatal(err)
	}
}
