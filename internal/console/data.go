package console

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"unicode/utf8"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/web"
)

// eventDataPage shows the data of one event in a view.
var eventDataPage = page{path: "/data", title: "Data of an event", load: loadData}

// eventPayload is the data of eventDataPage.
type eventPayload struct {
	Event shownEvent `json:"event"`
	Data  payload    `json:"-"`
}

// loadData reads the event at the parameter position. The parameter view is the view of its data. With
// the parameter brief, it is as long as in a list.
func loadData(ctx context.Context, r *http.Request, b *web.Backend) (any, error) {
	e, err := readEvent(ctx, r, b)
	if err != nil {
		return nil, err
	}
	values, most := r.URL.Query(), shownBytes
	if values.Get("brief") != "" {
		most = listedBytes
	}
	shown, err := newBudget(r, pageBytes).keep(ctx, e, shownBytes)
	if err != nil {
		return nil, err
	}
	return &eventPayload{shown, shown.payload(values.Get("view"), most)}, nil
}

// readEvent returns the event at the parameter position.
func readEvent(ctx context.Context, r *http.Request, b *web.Backend) (dcb.SequencedEvent, error) {
	text := r.URL.Query().Get("position")
	position, err := strconv.ParseUint(text, 10, 64)
	if err != nil || position == 0 {
		return dcb.SequencedEvent{}, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("the parameter %q: %q is not the position of an event", "position", text)}
	}
	events, _, err := b.Events.Read(ctx, dcb.Query{}, dcb.ReadOptions{Start: &position, Limit: new(uint32(1))}).Collect()
	if err != nil {
		return dcb.SequencedEvent{}, err
	}
	if len(events) == 0 {
		return dcb.SequencedEvent{}, fmt.Errorf("%w: no event has the position %d", web.ErrNotFound, position)
	}
	return events[0], nil
}

// download answers with the bytes of the data of an event. It is never shown as a page, since anyone
// may have written it.
func download(w http.ResponseWriter, r *http.Request, b *web.Backend) error {
	ctx, cancel := context.WithTimeout(r.Context(), loadTimeout)
	defer cancel()
	e, err := readEvent(ctx, r, b)
	if err != nil {
		return err
	}
	kind, extension := "application/octet-stream", "bin"
	if utf8.Valid(e.Event.Data) {
		kind, extension = "text/plain; charset=utf-8", "txt"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="event-%d.%s"`, e.Position, extension))
	w.Write(e.Event.Data) // an error means that the client has gone
	return nil
}
