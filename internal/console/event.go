package console

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/web"
)

// event shows everything about one event.
var event = page{path: "/event", title: "Event", load: loadEvent}

// eventData is the data of event.
type eventData struct {
	Event shownEvent `json:"event"`
	Head  uint64     `json:"head"`
}

// loadEvent reads the event at the parameter position.
func loadEvent(ctx context.Context, r *http.Request, b *web.Backend) (any, error) {
	text := r.URL.Query().Get("position")
	position, err := strconv.ParseUint(text, 10, 64)
	if err != nil || position == 0 {
		return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("the parameter %q: %q is not the position of an event", "position", text)}
	}
	events, head, err := b.Events.Read(ctx, dcb.Query{}, dcb.ReadOptions{Start: &position, Limit: new(uint32(1))}).Collect()
	if err != nil {
		return nil, err
	}
	if len(events) == 0 {
		return nil, fmt.Errorf("%w: no event has the position %d; the last one has %d", web.ErrNotFound, position, head)
	}
	return &eventData{Event: shownEvent{events[0]}, Head: head}, nil
}
