package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/selection"
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
	e, by, _, err := readEvent(ctx, r, b)
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
	shown.by, shown.under = by, underItem(by)
	return &eventPayload{shown, shown.payload(values.Get("view"), most)}, nil
}

// readEvent returns the event at the parameter position. A key with limits can only read it by a query that
// permits it, which is in the parameters type, tag and item. Then isLimited is set, and by is what itemFor returns of
// this query.
func readEvent(ctx context.Context, r *http.Request, b *web.Backend) (e dcb.SequencedEvent, by dcb.QueryItem, isLimited bool, err error) {
	values := r.URL.Query()
	text := values.Get("position")
	position, err := strconv.ParseUint(text, 10, 64)
	if err != nil || position == 0 {
		return e, by, false, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("the parameter %q: %q is not the position of an event", "position", text)}
	}
	query, err := queryOf(values)
	if err != nil {
		return e, by, false, err
	}
	e, err = readMatching(ctx, b.Events, dcb.Query{}, position)
	if !errors.Is(err, dcb.ErrAuthentication) || len(query.Items) == 0 {
		return e, by, false, err
	}
	e, err = readMatching(ctx, b.Events, query, position)
	return e, itemFor(query, &e.Event), true, err
}

// queryOf returns the query in the parameters of a URL.
func queryOf(values url.Values) (dcb.Query, error) {
	s, err := selection.FromValues(url.Values{"type": values["type"], "tag": values["tag"], "item": values["item"]}, time.Time{})
	return s.Query, err
}

// readMatching returns the event at a position, which must match a query.
func readMatching(ctx context.Context, s dcb.EventStore, query dcb.Query, position uint64) (e dcb.SequencedEvent, err error) {
	events, _, err := s.Read(ctx, query, dcb.ReadOptions{Start: &position, Limit: new(uint32(1))}).Collect()
	switch {
	case err != nil:
		return e, err
	case len(events) > 0 && events[0].Position == position:
		return events[0], nil
	case len(query.Items) > 0:
		return e, fmt.Errorf("%w: no event that matches these types and tags has the position %d", web.ErrNotFound, position)
	}
	return e, fmt.Errorf("%w: no event has the position %d", web.ErrNotFound, position)
}

// download answers with the bytes of the data of an event. It is never shown as a page, since anyone
// may have written it.
func download(w http.ResponseWriter, r *http.Request, b *web.Backend) error {
	ctx, cancel := context.WithTimeout(r.Context(), loadTimeout)
	defer cancel()
	e, _, _, err := readEvent(ctx, r, b)
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
