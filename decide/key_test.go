package decide_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/decide"
	"github.com/umadb-go/umadb/umadbtest"
)

func TestRepeatedRequestHasTheSameResult(t *testing.T) {
	store := umadbtest.NewStore(t)
	var want [2]uint64
	for i, key := range []string{"ann/1", "ann/2", "ann/1", "ann/2"} {
		d := take(key, 2)
		d.Key = key
		position, err := d.Run(t.Context(), store)
		if err != nil || (i >= 2 && position != want[i-2]) {
			t.Errorf("request %d: position %d, %v", i, position, err)
		}
		if i < 2 {
			want[i] = position
		}
	}
	d := take("ann/3", 2)
	d.Key = "ann/3"
	if _, err := d.Run(t.Context(), store); err != errFull {
		t.Errorf("error %v of another request", err)
	}
	if n := len(stored(t, store)); n != 2 {
		t.Errorf("%d events", n)
	}
}

func TestEmptyKeyIsNoKey(t *testing.T) {
	store := umadbtest.NewStore(t)
	for want := range uint64(2) {
		d := take("me", 2)
		d.Key = ""
		if position, err := d.Run(t.Context(), store); position != want+1 || err != nil {
			t.Errorf("position %d, %v", position, err)
		}
	}
}

// The query matches only the second of three events, and others follow them.
func TestRepeatedRequestReturnsThePositionOfTheLastEvent(t *testing.T) {
	store := umadbtest.NewStore(t)
	other := dcb.Event{Type: "Other"}
	for range 2 {
		position, err := decide.Decision[count]{
			Query:  places,
			Fold:   (*count).add,
			Decide: func(*count) ([]dcb.Event, error) { return []dcb.Event{other, taken("me"), other}, nil },
			Key:    "k",
		}.Run(t.Context(), store)
		if position != 3 || err != nil {
			t.Errorf("position %d, %v", position, err)
		}
		if _, err := store.Append(t.Context(), []dcb.Event{taken("other")}, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []string{"8254c329-a928-80f6-9539-dd3700000002", "8254c329-a928-80f6-9539-dd3700010002", "8254c329-a928-80f6-9539-dd3700020002"} {
		// The Python package makes the same UUIDs, so that programs in both languages can share keys.
		if uuid := stored(t, store)[i].Event.UUID; uuid != want {
			t.Errorf("event %d has the UUID %s, want %s", i, uuid, want)
		}
	}
}

func TestSameRequestSeveralTimesAtOnce(t *testing.T) {
	store := umadbtest.NewStore(t)
	var wait sync.WaitGroup
	for range 16 {
		wait.Go(func() {
			d := take("me", 1)
			d.Key = "k"
			if position, err := d.Run(t.Context(), store); position != 1 || err != nil {
				t.Errorf("position %d, %v", position, err)
			}
		})
	}
	wait.Wait()
	if n := len(stored(t, store)); n != 1 {
		t.Errorf("%d events", n)
	}
}

func TestKeyThatWouldNotBeRecognisedIsRefused(t *testing.T) {
	store := umadbtest.NewStore(t)
	d := take("me", 1)
	d.Query, d.Key = dcb.Query{Items: []dcb.QueryItem{{Types: []string{"Other"}}}}, "k"
	if _, err := d.Run(t.Context(), store); !errors.Is(err, dcb.ErrInvalidArgument) {
		t.Errorf("error %v", err)
	}
	if n := len(stored(t, store)); n != 0 {
		t.Errorf("%d events", n)
	}
}

// Events with UUIDs of their own, or without, are not taken for those of a key.
func TestUUIDsWithoutAKey(t *testing.T) {
	store := umadbtest.NewStore(t)
	mine := taken("me")
	mine.UUID = "5b1b9ba5-4b4c-44ae-a3a9-8d4f0d0f6d3e"
	decided := []dcb.Event{mine, taken("me")}
	for range 2 {
		if _, err := decide.Run(t.Context(), store, places, (*count).add, func(*count) ([]dcb.Event, error) {
			return decided, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if decided[1].UUID != "" {
		t.Error("the events of the caller were changed")
	}
	events := stored(t, store)
	if len(events) != 4 || events[0].Event.UUID != mine.UUID || events[1].Event.UUID == "" || events[1].Event.UUID == events[3].Event.UUID {
		t.Errorf("events %v", events)
	}
}
