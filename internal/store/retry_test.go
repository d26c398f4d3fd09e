package store_test

import (
	"errors"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// A caller that may see only some events must not learn the UUIDs of their neighbours.
func TestRetryOfInvisibleEventsIsNotRecognised(t *testing.T) {
	s, err := store.Open("/store", &store.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	events := []dcb.Event{
		{Type: "mine", UUID: "0190b4f1-5a4c-7c3e-9d7a-3f8e5b6c1d01"},
		{Type: "other", UUID: "0190b4f1-5a4c-7c3e-9d7a-3f8e5b6c1d02"},
	}
	for i := range events {
		if _, err := s.Append(t.Context(), events[i:i+1], nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	guessed := []dcb.Event{{Type: "mine", UUID: events[0].UUID}, {Type: "mine", UUID: events[1].UUID}}
	mine := &dcb.AppendCondition{FailIfEventsMatch: dcb.Query{Items: []dcb.QueryItem{{Types: []string{"mine"}}}}}
	limits := dcb.Limits{}.WithDefaults()
	for _, visible := range []string{"mine", "other"} {
		request, err := record.NewAppend(guessed, mine, nil, &limits)
		if err != nil {
			t.Fatal(err)
		}
		request.IsVisible = func(event record.Event) bool {
			name, _ := event.Type()
			return name == "mine" || name == visible
		}
		position, err := s.Commit(t.Context(), request, nil)
		if recognised := err == nil && position == 2; recognised != (visible == "other") {
			t.Errorf("with %s visible: position %d, %v", visible, position, err)
		}
		if err != nil && !errors.Is(err, dcb.ErrIntegrity) {
			t.Error(err)
		}
	}
}
