package server

import (
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
)

func TestEventsWithinLimitsAreVisible(t *testing.T) {
	event := func(name string) record.Event { return record.AppendEvent(nil, &dcb.Event{Type: name}) }
	for _, unlimited := range []*key{nil, newKey(Key{Name: "k", Rights: AllRights}, nil)} {
		if unlimited.isVisible() != nil {
			t.Error("some events are invisible for a key without limits")
		}
	}
	isVisible := newKey(Key{Name: "k", Rights: AllRights, Types: []string{"a"}}, nil).isVisible()
	if !isVisible(event("a")) || isVisible(event("b")) {
		t.Error("the limits of the key are not observed")
	}
}
