package server_test

import (
	"context"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/wire"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// A client that does not ask for progress gets the messages that it would get from a server that
// does not report it.
func TestProgressIsSentToClientsThatAsk(t *testing.T) {
	client := start(t, newMemoryStore(), server.Options{}).client(t)
	mustAppend(t, client)
	mustAppend(t, client)
	for words, want := range map[string]bool{"": false, "recorded-at": false, "progress": true, "recorded-at, progress": true, "progress-bar": false} {
		ctx := within(t, patience)
		if words != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, wire.With, words)
		}
		subscription, err := client.Subscribe(ctx, new(umadbv1.SubscribeRequest))
		if err != nil {
			t.Fatal(err)
		}
		read, err := client.Read(ctx, readOn())
		if err != nil {
			t.Fatal(err)
		}
		once, err := client.Read(ctx, new(umadbv1.ReadRequest))
		if err != nil {
			t.Fatal(err)
		}
		for position := range uint64(2) {
			message, err := subscription.Recv()
			mustTell(t, words, progressOf{message.GetEvents(), message.Checked, message.Head}, err, want, position+1)
			further, err := read.Recv()
			mustTell(t, words, progressOf{further.GetEvents(), further.Checked, further.ProgressHead}, err, want, position+1)
			last, err := once.Recv()
			mustTell(t, words, progressOf{last.GetEvents(), last.Checked, last.ProgressHead}, err, false, position+1)
		}
	}
}

// progressOf is a message with an event and, perhaps, progress.
type progressOf struct {
	events        []*umadbv1.SequencedEvent
	checked, head *uint64
}

func mustTell(t *testing.T, words string, got progressOf, err error, want bool, position uint64) {
	t.Helper()
	switch {
	case err != nil || len(got.events) != 1 || got.events[0].Position != position:
		t.Fatalf("%q: %v, %v, want the event at %d", words, got.events, err, position)
	case (got.checked != nil) != want || (got.head != nil) != want:
		t.Errorf("%q: checked %v, head %v", words, got.checked, got.head)
	case want && (*got.checked != position || *got.head != 2):
		t.Errorf("%q: checked %d, head %d, want %d and 2", words, *got.checked, *got.head, position)
	}
}

// A limited key learns positions, as by Head, and nothing else.
func TestProgressWithLimitedKey(t *testing.T) {
	limited := keyNamed("limited", read|subscribe)
	limited.Types = []string{"Other"}
	r := startWithKeys(t, newMemoryStore(), server.Options{}, limited, keyNamed("free", appends))
	client := r.client(t)
	as := func(key string) context.Context {
		return metadata.AppendToOutgoingContext(within(t, patience), "authorization", "Bearer secret-"+key, wire.With, wire.WithProgress)
	}
	for _, name := range []string{"Secret", "Other", "Secret"} {
		if _, err := client.Append(as("free"), &umadbv1.AppendRequest{Events: []*umadbv1.Event{{EventType: name}}}); err != nil {
			t.Fatal(err)
		}
	}
	query := &umadbv1.Query{Items: []*umadbv1.QueryItem{{Types: []string{"Other"}}}}
	subscription, err := client.Subscribe(as("limited"), &umadbv1.SubscribeRequest{Query: query})
	if err != nil {
		t.Fatal(err)
	}
	message, err := subscription.Recv()
	if err != nil || len(message.Events) != 1 || message.GetChecked() != 2 || message.GetHead() != 3 {
		t.Errorf("%v, %v", message, err)
	}
	refused, err := client.Subscribe(as("limited"), new(umadbv1.SubscribeRequest))
	if err == nil {
		_, err = refused.Recv()
	}
	if status.Code(err) != codes.PermissionDenied {
		t.Errorf("a subscription to all events: %v", err)
	}
}
