package server_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/server"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// item returns a query item with types and tags, which are separated by spaces.
func item(types, tags string) dcb.QueryItem {
	return dcb.QueryItem{Types: strings.Fields(types), Tags: strings.Fields(tags)}
}

func TestScopePermitsContainedQueries(t *testing.T) {
	typed := server.Key{Name: "typed", Rights: read, Types: []string{"A", "B"}}
	tagged := server.Key{Name: "tagged", Rights: read, TagPrefixes: []string{"t:1:", "t:22:"}}
	both := server.Key{Name: "both", Rights: read, Types: typed.Types, TagPrefixes: tagged.TagPrefixes}
	for name, c := range map[string]struct {
		items                        []dcb.QueryItem
		ofTyped, ofTagged, permitted bool // by typed, by tagged, and by both
	}{
		"no items":                {nil, false, false, false},
		"an item that is empty":   {[]dcb.QueryItem{{}}, false, false, false},
		"a type":                  {[]dcb.QueryItem{item("A", "")}, true, false, false},
		"both types":              {[]dcb.QueryItem{item("A B", "")}, true, false, false},
		"another type too":        {[]dcb.QueryItem{item("A C", "")}, false, false, false},
		"type in another case":    {[]dcb.QueryItem{item("a", "")}, false, false, false},
		"a tag":                   {[]dcb.QueryItem{item("", "t:1:x")}, false, true, false},
		"the prefix":              {[]dcb.QueryItem{item("", "t:1:")}, false, true, false},
		"the longer prefix":       {[]dcb.QueryItem{item("", "t:22:x")}, false, true, false},
		"less than a prefix":      {[]dcb.QueryItem{item("", "t:1")}, false, false, false},
		"another prefix":          {[]dcb.QueryItem{item("", "t:2:x")}, false, false, false},
		"prefix in the middle":    {[]dcb.QueryItem{item("", "xt:1:")}, false, false, false},
		"one of the tags":         {[]dcb.QueryItem{item("", "x t:1:x y")}, false, true, false},
		"a type and a tag":        {[]dcb.QueryItem{item("B", "t:1:x")}, true, true, true},
		"another type and a tag":  {[]dcb.QueryItem{item("C", "t:1:x")}, false, true, false},
		"a type and another tag":  {[]dcb.QueryItem{item("B", "x")}, true, false, false},
		"two items":               {[]dcb.QueryItem{item("A", "t:1:x"), item("B", "t:22:")}, true, true, true},
		"an item in addition":     {[]dcb.QueryItem{item("A", "t:1:x"), item("", "")}, false, false, false},
		"another one in addition": {[]dcb.QueryItem{item("A", "t:1:x"), item("C", "x")}, false, false, false},
	} {
		query := dcb.Query{Items: c.items}
		for _, k := range []struct {
			key  server.Key
			want bool
		}{{typed, c.ofTyped}, {tagged, c.ofTagged}, {both, c.permitted}, {keyNamed("free", read), true}} {
			if got := server.PermitsQuery(k.key, query); got != k.want {
				t.Errorf("%s: %s permits it: %v", name, k.key.Name, got)
			}
		}
	}
}

func TestScopeOfAppends(t *testing.T) {
	k := keyNamed("k", appends)
	k.Types, k.TagPrefixes = []string{"A", ""}, []string{"t:1:"}
	r := startWithKeys(t, newMemoryStore(), server.Options{}, k, keyNamed("free", appends))
	c := r.raw(t)
	event := func(name, tags string) *umadbv1.Event {
		return &umadbv1.Event{EventType: name, Tags: strings.Fields(tags)}
	}
	condition := func(types, tags string) *umadbv1.AppendCondition {
		return &umadbv1.AppendCondition{After: proto.Uint64(1 << 60), FailIfEventsMatch: &umadbv1.Query{
			Items: []*umadbv1.QueryItem{{Types: strings.Fields(types), Tags: strings.Fields(tags)}},
		}}
	}
	large := event("A", "x")
	large.Data = make([]byte, 8<<10) // not inline
	for name, a := range map[string]struct {
		request   *umadbv1.AppendRequest
		permitted bool
	}{
		"within":               {&umadbv1.AppendRequest{Events: []*umadbv1.Event{event("A", "x t:1:y"), event("", "t:1:")}}, true},
		"no events":            {&umadbv1.AppendRequest{}, true},
		"another type":         {&umadbv1.AppendRequest{Events: []*umadbv1.Event{event("A", "t:1:y"), event("B", "t:1:y")}}, false},
		"another tag":          {&umadbv1.AppendRequest{Events: []*umadbv1.Event{event("A", "t:2:y")}}, false},
		"no tag":               {&umadbv1.AppendRequest{Events: []*umadbv1.Event{event("A", "")}}, false},
		"large":                {&umadbv1.AppendRequest{Events: []*umadbv1.Event{large}}, false},
		"condition within":     {&umadbv1.AppendRequest{Events: []*umadbv1.Event{event("A", "t:1:y")}, Condition: condition("A", "t:1:z")}, true},
		"condition on others":  {&umadbv1.AppendRequest{Events: []*umadbv1.Event{event("A", "t:1:y")}, Condition: condition("A", "")}, false},
		"condition on all":     {&umadbv1.AppendRequest{Events: []*umadbv1.Event{event("A", "t:1:y")}, Condition: &umadbv1.AppendCondition{}}, false},
		"only a condition":     {&umadbv1.AppendRequest{Condition: &umadbv1.AppendCondition{}}, false},
		"empty query in parts": {&umadbv1.AppendRequest{Condition: &umadbv1.AppendCondition{FailIfEventsMatch: &umadbv1.Query{}}}, false},
	} {
		answer := c.post(t, "/umadb.v1.DCB/Append", request(t, a.request), "Authorization", "Bearer secret-k")
		if a.permitted && answer.code != codes.OK {
			t.Errorf("%s: %v: %s", name, answer.code, answer.message)
		}
		if !a.permitted {
			wantDenied(t, answer, "k", "secret-k")
		}
		if free := c.post(t, "/umadb.v1.DCB/Append", request(t, &umadbv1.AppendRequest{Events: a.request.Events}), "Authorization", "Bearer secret-free"); free.code != codes.OK {
			t.Errorf("%s, with a key that is not limited: %v: %s", name, free.code, free.message)
		}
	}
}

var (
	someTypes    = rapid.SliceOfN(rapid.SampledFrom([]string{"", "A", "B", "AB"}), 0, 3)
	someTags     = rapid.SliceOfN(rapid.SampledFrom([]string{"", "t", "t:1", "t:1:a", "t:2", "u:1", "ü"}), 0, 3)
	somePrefixes = rapid.SliceOfN(rapid.SampledFrom([]string{"t", "t:1", "t:1:", "u", "\xc3"}), 0, 2)
	someItems    = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) *umadbv1.QueryItem {
		return &umadbv1.QueryItem{Types: someTypes.Draw(t, "types"), Tags: someTags.Draw(t, "tags")}
	}), 0, 3)
	someEvents = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) *umadbv1.Event {
		return &umadbv1.Event{EventType: rapid.SampledFrom([]string{"", "A", "B", "AB"}).Draw(t, "type"), Tags: someTags.Draw(t, "tags")}
	}), 1, 3)
)

// isWithin is the rule of limited keys, for one event.
func isWithin(k *server.Key, event *umadbv1.Event) bool {
	hasPrefix := func(tag string) bool {
		return slices.ContainsFunc(k.TagPrefixes, func(prefix string) bool { return strings.HasPrefix(tag, prefix) })
	}
	return (len(k.Types) == 0 || slices.Contains(k.Types, event.EventType)) &&
		(len(k.TagPrefixes) == 0 || slices.ContainsFunc(event.Tags, hasPrefix))
}

// TestLimitedKeysReachOnlyTheirEvents makes random calls with keys that have random limits,
// to a store with random events. What a key reads, appends, and learns from a conflict must
// be events within its limits.
func TestLimitedKeysReachOnlyTheirEvents(t *testing.T) {
	store := newMemoryStore()
	r := startWithKeys(t, store, server.Options{})
	client := r.client(t)
	rapid.Check(t, func(t *rapid.T) {
		k := keyNamed("k", server.AllRights)
		k.Types, k.TagPrefixes = someTypes.Draw(t, "limit of types"), somePrefixes.Draw(t, "limit of tags")
		if err := r.SetKeys([]server.Key{k, keyNamed("free", server.AllRights)}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		events := someEvents.Draw(t, "stored")
		if _, err := client.Append(with(ctx, "secret-free"), &umadbv1.AppendRequest{Events: events}); err != nil {
			t.Fatal(err)
		}
		ctx = with(ctx, "secret-k")
		query := &umadbv1.Query{Items: someItems.Draw(t, "query")}
		wantWithin := func(got []*umadbv1.SequencedEvent) {
			for _, e := range got {
				if !isWithin(&k, e.Event) {
					t.Fatalf("the key with %v and %v has read %v", k.Types, k.TagPrefixes, e)
				}
			}
		}

		stream, err := client.Read(ctx, &umadbv1.ReadRequest{Query: query})
		if err != nil {
			t.Fatal(err)
		}
		var read []*umadbv1.SequencedEvent
		message := new(umadbv1.ReadResponse)
		for message, err = stream.Recv(); err == nil; message, err = stream.Recv() {
			read = append(read, message.Events...)
		}
		wantWithin(read)
		if !errors.Is(err, io.EOF) && status.Code(err) != codes.PermissionDenied {
			t.Fatal(err)
		}
		if len(read) > 0 {
			live, err := client.Subscribe(ctx, &umadbv1.SubscribeRequest{Query: query})
			if err != nil {
				t.Fatal(err)
			}
			message, err := live.Recv()
			if err != nil {
				t.Fatal(err)
			}
			wantWithin(message.Events)
		}

		appended := someEvents.Draw(t, "appended")
		allowed := !slices.ContainsFunc(appended, func(e *umadbv1.Event) bool { return !isWithin(&k, e) })
		_, err = client.Append(ctx, &umadbv1.AppendRequest{Events: appended})
		if allowed != (err == nil) || err != nil && status.Code(err) != codes.PermissionDenied {
			t.Fatalf("the key with %v and %v appends %v: %v", k.Types, k.TagPrefixes, appended, err)
		}
		_, err = client.Append(ctx, &umadbv1.AppendRequest{Condition: &umadbv1.AppendCondition{FailIfEventsMatch: query}})
		if status.Code(err) == codes.FailedPrecondition {
			if position := conflictOf(t, err); !isWithin(&k, stored(store, position)) {
				t.Fatalf("the key with %v and %v has learned of %v", k.Types, k.TagPrefixes, stored(store, position))
			}
		}
	})
}

// conflictOf returns the position in the details of a conflict.
func conflictOf(t *rapid.T, err error) uint64 {
	details := status.Convert(err).Details()
	if len(details) != 1 {
		t.Fatalf("%v has the details %v", err, details)
	}
	return details[0].(*umadbv1.ErrorResponse).GetConflictPosition()
}

// stored returns the event at a position.
func stored(store *memoryStore, position uint64) *umadbv1.Event {
	store.mu.Lock()
	defer store.mu.Unlock()
	event := store.events[position-1]
	return &umadbv1.Event{EventType: event.Type, Tags: event.Tags}
}

// A key reads an event exactly if it can append it, for queries that name what it has.
func TestScopeOfEventsIsThatOfQueries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := keyNamed("k", server.AllRights)
		k.Types, k.TagPrefixes = someTypes.Draw(t, "limit of types"), somePrefixes.Draw(t, "limit of tags")
		event := dcb.Event{Type: rapid.SampledFrom([]string{"", "A", "B", "AB"}).Draw(t, "type"), Tags: someTags.Draw(t, "tags")}
		exact := dcb.Query{Items: []dcb.QueryItem{{Types: []string{event.Type}, Tags: event.Tags}}}
		appends, reads := server.PermitsEvent(k, record.AppendEvent(nil, &event)), server.PermitsQuery(k, exact)
		if appends != reads {
			t.Fatalf("the key with %v and %v appends %v: %v, and reads it: %v", k.Types, k.TagPrefixes, event, appends, reads)
		}
	})
}
