package store

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
)

func TestCommitWakesOnlyMatchingSubscriptions(t *testing.T) {
	s := newMemStore(t)
	add := func(q dcb.Query) *watch { return s.watches.add(compile(s.hasher, q), s.newestHead()) }
	first := add(dcb.Query{})
	if _, err := s.Append(t.Context(), alternating(10, "common"), nil, nil); err != nil {
		t.Fatal(err)
	}
	<-first.woken // an append may return before its commit wakes anything
	s.watches.remove(first)
	cases := []struct {
		name  string
		watch *watch
		want  bool
	}{
		{"all events", add(dcb.Query{}), true},
		{"item without types and tags", add(dcb.Query{Items: []dcb.QueryItem{{Tags: []string{"z"}}, {}}}), true},
		{"same tag", add(tagged("course:1")), true},
		{"other tag", add(tagged("course:2")), false},
		{"same type", add(dcb.Query{Items: []dcb.QueryItem{{Types: []string{"x", "t"}}}}), true},
		{"other type", add(dcb.Query{Items: []dcb.QueryItem{{Types: []string{"x", "y"}}}}), false},
		{"same tag and a frequent one", add(tagged("common", "course:1")), true},
		{"other tag and a frequent one", add(tagged("common", "course:2")), false},
		{"second item", add(dcb.Query{Items: []dcb.QueryItem{{Tags: []string{"z"}}, {Tags: []string{"course:1"}}}}), true},
	}
	event := dcb.Event{Type: "t", Tags: []string{"common", "course:1"}}
	if _, err := s.Append(t.Context(), []dcb.Event{event}, nil, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the commit wakes subscriptions", func() bool { return len(cases[0].watch.woken) == 1 })
	s.watches.wake(nil, published{}) // waits for the wake of the commit to end
	for _, c := range cases {
		if got := len(c.watch.woken) == 1; got != c.want {
			t.Errorf("%s: woken %v", c.name, got)
		}
		s.watches.remove(c.watch)
	}
	if len(s.watches.byTerm) != 0 || s.watches.all != nil {
		t.Errorf("removed watches leave %d terms, %v", len(s.watches.byTerm), s.watches.all)
	}
}

func TestWatchesCanBeRemovedInAnyOrder(t *testing.T) {
	ws := newWatches()
	s := newMemStore(t)
	q := compile(s.hasher, dcb.Query{Items: []dcb.QueryItem{{Tags: []string{"a"}}, {Tags: []string{"b"}}, {Tags: []string{"a"}}}})
	for _, order := range [][3]int{{0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {1, 2, 0}} {
		var added [3]*watch
		for i := range added {
			added[i] = ws.add(q, s.newestHead())
		}
		for n, i := range order {
			ws.remove(added[i])
			ws.wake([]uint64{q.items[0].tags[0].Hash()}, published{})
			for _, left := range order[n+1:] {
				if len(added[left].woken) != 1 {
					t.Errorf("order %v: watch %d was removed with another", order, left)
				}
				<-added[left].woken
			}
		}
		if len(ws.byTerm) != 0 {
			t.Errorf("order %v: %d terms remain", order, len(ws.byTerm))
		}
	}
}

// A commit or a query may repeat a term many times. Each subscription is still woken
// once.
func TestRepeatedTermWakesSubscriptionOnce(t *testing.T) {
	ws := newWatches()
	s := newMemStore(t)
	repeated := make([]string, 100)
	tags := dcb.Query{Items: make([]dcb.QueryItem, 100)}
	for i := range repeated {
		repeated[i] = "a"
		tags.Items[i].Tags = []string{"a"}
	}
	for _, q := range []dcb.Query{tags, {Items: []dcb.QueryItem{{Types: repeated}}}, tagged("a")} {
		compiled := compile(s.hasher, q)
		first, second := ws.add(compiled, s.newestHead()), ws.add(compiled, s.newestHead())
		item := compiled.items[0]
		hash := append(item.tags, item.types...)[0].Hash()
		for range 2 {
			if woken := ws.wake([]uint64{hash, 1, hash, hash}, published{}); woken != 2 {
				t.Errorf("%d subscriptions woken, want 2", woken)
			}
		}
		ws.remove(first)
		if woken := ws.wake([]uint64{hash, hash}, published{}); woken != 1 {
			t.Errorf("%d subscriptions woken, want 1", woken)
		}
		ws.remove(second)
		if len(ws.byTerm) != 0 {
			t.Errorf("%d terms remain", len(ws.byTerm))
		}
	}
}

// A subscription has a watch only while it waits.
func TestSubscriptionRemovesItsWatch(t *testing.T) {
	s := newMemStore(t)
	cursor, err := s.OpenSubscription(&record.SubscribeRequest{Query: tagged("a")})
	if err != nil {
		t.Fatal(err)
	}
	watching := func() int {
		s.watches.mu.Lock()
		defer s.watches.mu.Unlock()
		return len(s.watches.byTerm)
	}
	for round := range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			err := cursor.Wait(ctx)
			if err == nil {
				_, err = cursor.Next(ctx, nil, math.MaxInt)
			}
			ended <- err
		}()
		eventually(t, "the subscription waits", func() bool { return watching() == 1 })
		if round == 0 {
			cancel()
		} else if _, err := s.Append(t.Context(), alternating(1, "a"), nil, nil); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; (err != nil) != (round == 0) {
			t.Error(fmt.Errorf("round %d ends with %w", round, err))
		}
		cancel()
		if n := watching(); n != 0 {
			t.Errorf("%d watches remain", n)
		}
	}
}
