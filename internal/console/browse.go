package console

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"strconv"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
	"github.com/umadb-go/umadb/internal/selection"
	"github.com/umadb-go/umadb/internal/web"
)

// browse shows the events that match a query.
var browse = page{path: "/browse", title: "Browse", load: loadBrowse}

const (
	defaultEvents = 50
	maxEvents     = 1000
)

// browseData is the data of browse.
type browseData struct {
	Events []shownEvent `json:"events"`
	Head   uint64       `json:"head"`
	// Next is the link to the page after this one; empty if there is none.
	Next string `json:"next,omitempty"`
	// Oldest is set if the events are in ascending order.
	Oldest bool `json:"-"`
}

// loadBrowse reads events, the newest first unless the parameter order is "oldest".
func loadBrowse(ctx context.Context, r *http.Request, b *web.Backend) (any, error) {
	values := r.URL.Query()
	s, err := selection.FromValues(values, time.Now(), "order")
	if err != nil {
		return nil, err
	}
	data := &browseData{Events: []shownEvent{}, Oldest: values.Get("order") == "oldest" || values.Get("after") != ""}
	s.Options.Backwards = !data.Oldest
	limit := uint32(defaultEvents)
	if s.Options.Limit != nil {
		limit = min(*s.Options.Limit, maxEvents)
	}
	s.Options.Limit = new(limit + 1) // one more shows that there is a next page
	positions, err := selection.RecordedBetween(ctx, b.Events, s.Since, s.Until)
	if err != nil {
		return nil, err
	}
	response := positions.Read(ctx, b.Events, s.Query, s.Options)
	events, head, err := response.Collect()
	if err != nil {
		return nil, err
	}
	data.Head = head
	if len(events) > int(limit) {
		values.Set("start", strconv.FormatUint(events[limit].Position, 10))
		values.Del("after")
		if data.Oldest {
			values.Set("order", "oldest")
		}
		data.Next = "/browse?" + values.Encode()
		events = events[:limit]
	}
	for _, e := range events {
		data.Events = append(data.Events, shownEvent{e})
	}
	return data, nil
}

func (d *browseData) columns() []string {
	return []string{"position", "recorded_at", "type", "tags", "uuid", "data"}
}

func (d *browseData) rows() iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		for _, e := range d.Events {
			at := ""
			if !e.RecordedAt.IsZero() {
				at = e.RecordedAt.UTC().Format(time.RFC3339Nano)
			}
			if !yield([]string{strconv.FormatUint(e.Position, 10), at, e.Event.Type, string(ndjson.AppendTags(nil, e.Event.Tags)), e.Event.UUID, string(e.Event.Data)}) {
				return
			}
		}
	}
}

// shownEvent is an event as pages show it.
type shownEvent struct{ dcb.SequencedEvent }

// MarshalJSON returns the event as a line of NDJSON.
func (e shownEvent) MarshalJSON() ([]byte, error) {
	return json.RawMessage(ndjson.AppendEvent(nil, &e.SequencedEvent)).MarshalJSON()
}

// Payload returns the data for display.
func (e shownEvent) Payload() payload { return newPayload(e.Event.Data) }
