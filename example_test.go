package umadb_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/umadb-go/umadb"
	"github.com/umadb-go/umadb/dcb"
)

// newStore returns a store in a temporary directory, and a function that closes
// the store and removes the directory.
func newStore() (dcb.EventStore, func()) {
	dir, err := os.MkdirTemp("", "umadb-example-")
	if err != nil {
		log.Fatal(err)
	}
	store, err := umadb.Open(dir, nil)
	if err != nil {
		log.Fatal(err)
	}
	return store, func() {
		store.Close()
		os.RemoveAll(dir)
	}
}

func must(_ uint64, err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "umadb-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	store, err := umadb.Open(filepath.Join(dir, "courses"), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	head, err := store.Head(context.Background())
	fmt.Println(head, err)
	// Output: 0 <nil>
}

// A decision reads the events it depends on, and appends on condition that no
// such event has been appended since.
func Example_append() {
	ctx := context.Background()
	store, remove := newStore()
	defer remove()

	course := dcb.Query{Items: []dcb.QueryItem{{Tags: []string{"course:1"}}}}
	_, head, err := store.Read(ctx, course, dcb.ReadOptions{}).Collect()
	if err != nil {
		log.Fatal(err)
	}
	condition := &dcb.AppendCondition{FailIfEventsMatch: course, After: head}

	ann := []dcb.Event{{Type: "StudentEnrolled", Tags: []string{"course:1", "student:ann"}}}
	position, err := store.Append(ctx, ann, condition, nil)
	fmt.Println(position, err)

	bob := []dcb.Event{{Type: "StudentEnrolled", Tags: []string{"course:1", "student:bob"}}}
	_, err = store.Append(ctx, bob, condition, nil)
	var conflict *dcb.Error
	if errors.Is(err, dcb.ErrIntegrity) && errors.As(err, &conflict) {
		fmt.Println("rejected because of the event at position", conflict.ConflictPosition)
	}
	// Output:
	// 1 <nil>
	// rejected because of the event at position 1
}

// An append whose response was lost can be retried if it has a condition and its
// events have UUIDs.
func Example_retry() {
	ctx := context.Background()
	store, remove := newStore()
	defer remove()

	name := dcb.Query{Items: []dcb.QueryItem{{Types: []string{"NameTaken"}, Tags: []string{"name:ann"}}}}
	events := []dcb.Event{{
		Type: "NameTaken",
		Tags: []string{"name:ann"},
		UUID: "5b1b9ba5-4b4c-44ae-a3a9-8d4f0d0f6d3e",
	}}
	condition := &dcb.AppendCondition{FailIfEventsMatch: name}
	for range 2 {
		position, err := store.Append(ctx, events, condition, nil)
		fmt.Println(position, err)
	}
	// Output:
	// 1 <nil>
	// 1 <nil>
}

func Example_read() {
	ctx := context.Background()
	store, remove := newStore()
	defer remove()
	must(store.Append(ctx, []dcb.Event{
		{Type: "Opened", Tags: []string{"account:1"}},
		{Type: "Deposited", Tags: []string{"account:1"}, Data: []byte("10")},
		{Type: "Opened", Tags: []string{"account:2"}},
		{Type: "Deposited", Tags: []string{"account:1"}, Data: []byte("20")},
	}, nil, nil))

	// The deposits to one account, newest first.
	deposits := dcb.Query{Items: []dcb.QueryItem{{Types: []string{"Deposited"}, Tags: []string{"account:1"}}}}
	read := store.Read(ctx, deposits, dcb.ReadOptions{Backwards: true})
	for e, err := range read.All() {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%d %s %s\n", e.Position, e.Event.Type, e.Event.Data)
	}
	head, err := read.Head()
	fmt.Println("head", head, err)

	// One event, starting at a position.
	read = store.Read(ctx, dcb.Query{}, dcb.ReadOptions{Start: new(uint64(3)), Limit: new(uint32(1))})
	events, _, err := read.Collect()
	fmt.Println(events[0].Position, events[0].Event.Tags, err)
	// Output:
	// 4 Deposited 20
	// 2 Deposited 10
	// head 4 <nil>
	// 3 [account:2] <nil>
}

func Example_subscribe() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	store, remove := newStore()
	defer remove()
	must(store.Append(ctx, []dcb.Event{{Type: "First"}, {Type: "Second"}}, nil, nil))

	go func() {
		must(store.Append(ctx, []dcb.Event{{Type: "Third"}}, nil, nil))
	}()
	for e, err := range store.Subscribe(ctx, dcb.Query{}, 1) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Position, e.Event.Type)
		if e.Position == 3 {
			break
		}
	}
	// Output:
	// 2 Second
	// 3 Third
}

// A consumer of an upstream sequence records its upstream position together with
// the events that result from it, so that each upstream event is processed
// exactly once.
func Example_tracking() {
	ctx := context.Background()
	store, remove := newStore()
	defer remove()

	_, known, err := store.GetTrackingInfo(ctx, "orders")
	fmt.Println("known:", known, err)

	invoice := []dcb.Event{{Type: "InvoiceSent", Tags: []string{"order:7"}}}
	must(store.Append(ctx, invoice, nil, &dcb.TrackingInfo{Source: "orders", Position: 7}))

	_, err = store.Append(ctx, invoice, nil, &dcb.TrackingInfo{Source: "orders", Position: 7})
	fmt.Println("again:", errors.Is(err, dcb.ErrIntegrity))

	position, _, err := store.GetTrackingInfo(ctx, "orders")
	fmt.Println("continue after", position, err)
	// Output:
	// known: false <nil>
	// again: true
	// continue after 7 <nil>
}

// A program reads the metrics of its store, and exports them in any form.
func Example_metrics() {
	ctx := context.Background()
	store, remove := newStore()
	defer remove()

	must(store.Append(ctx, []dcb.Event{{Type: "First"}, {Type: "Second"}}, nil, nil))
	_, err := store.Append(ctx, []dcb.Event{{Type: "Third"}}, &dcb.AppendCondition{}, nil)
	fmt.Println("conflict:", errors.Is(err, dcb.ErrIntegrity))

	metrics := store.(umadb.Measured).Metrics()
	fmt.Println("appends:", metrics.Appends.Appended, "with events:", metrics.Appends.Events)
	fmt.Println("conflicts:", metrics.Appends.Conflicts)
	fmt.Println("syncs:", metrics.Commits.Sync.Count(), "in less than a minute:", metrics.Commits.Sync.Sum < 60)
	// Output:
	// conflict: true
	// appends: 1 with events: 2
	// conflicts: 1
	// syncs: 1 in less than a minute: true
}
