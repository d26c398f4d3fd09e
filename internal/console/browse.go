package console

import (
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/selection"
	"github.com/umadb-go/umadb/internal/web"
)

// browse shows the events that match a query.
var browse = page{path: "/browse", title: "Browse", load: loadBrowse}

const (
	defaultEvents = 50
	maxEvents     = 1000
	// maxEventBytes is the total size of events, as sizeOf returns it, after which a page has no more.
	maxEventBytes = 8 << 20
)

// browseData is the data of browse.
type browseData struct {
	Events []browsedEvent `json:"events"`
	Head   uint64         `json:"head"`
	// Next is the link to the page after this one; empty if there is none.
	Next string `json:"next,omitempty"`
	missing
	formData
	Ranges []timeRange  `json:"-"`
	Views  []viewChoice `json:"-"`
	// Code is the link to the page with the query in several languages.
	Code string `json:"-"`
	// Live is the link to new events that match.
	Live string `json:"-"`
	// Timeline is the link to the numbers of what the query matches over time, by type; empty if the events have no times.
	Timeline string `json:"-"`
	// Rejections is the link to the rejections that concern what the query matches; empty if there are none to show.
	Rejections string `json:"-"`
	// Newest is the link to the newest events, if the page starts at an older one.
	Newest string `json:"-"`
	// Oldest is set if the events are in ascending order.
	Oldest bool `json:"-"`
}

// browsing is what the parameters of browse select.
type browsing struct {
	selection.Selection
	values url.Values
	limit  int
	// asked is the limit that the parameters have, which programs have as well; nil if there is none.
	asked *uint32
}

// newBrowsing parses the parameters of browse. Events are read from the newest one, unless the parameter order
// is "oldest", or after is given.
func newBrowsing(values url.Values) (browsing, error) {
	s, err := selection.FromValues(values, time.Now(), "order", "view")
	b := browsing{Selection: s, values: values, limit: defaultEvents, asked: s.Options.Limit}
	if err != nil {
		return b, err
	}
	b.Options.Backwards = values.Get("order") != "oldest" && values.Get("after") == ""
	if s.Options.Limit != nil {
		b.limit = int(min(*s.Options.Limit, maxEvents))
	}
	b.Options.Limit = new(uint32(b.limit))
	return b, nil
}

// read returns the events, the head, and the position at which the next page starts, or 0 if there
// is none. A page ends before an event that only the next one can have with all of its data.
func (b browsing) read(ctx context.Context, store dcb.EventStore, budget *budget) (events []shownEvent, head, next uint64, err error) {
	positions, err := selection.RecordedBetween(ctx, store, b.Since, b.Until)
	if err != nil {
		return nil, 0, 0, err
	}
	if head, err = store.Head(ctx); err != nil {
		return nil, 0, 0, err
	}
	options, size, whole := b.Options, 0, budget.left
	options.Limit = new(uint32(b.limit) + 1) // one more shows that there is a next page
	response := positions.Read(ctx, store, b.Query, options)
	defer response.Close()
	for {
		batch, err := response.NextBatch()
		if errors.Is(err, io.EOF) {
			return events, head, 0, nil
		}
		if err != nil {
			return nil, 0, 0, err
		}
		for _, e := range batch {
			needed := jsonSize(&e)
			if len(events) == b.limit || size >= maxEventBytes || budget.left <= 0 || needed > budget.left && needed <= whole {
				return events, head, e.Position, nil
			}
			shown, err := budget.keep(ctx, e, listedBytes)
			if err != nil {
				return nil, 0, 0, err
			}
			shown.by = itemFor(b.Query, &e.Event)
			events, size = append(events, shown), size+sizeOf(&e.Event)
		}
	}
}

// sizeOf returns the size of the type, the data, the tags and the metadata of an event.
func sizeOf(e *dcb.Event) int {
	size := len(e.Type) + len(e.Data)
	for _, tag := range e.Tags {
		size += len(tag)
	}
	for _, m := range e.Metadata {
		size += len(m.Key) + len(m.Value)
	}
	return size
}

// loadBrowse reads the events.
func loadBrowse(ctx context.Context, r *http.Request, b *web.Backend) (any, error) {
	values := r.URL.Query()
	add, err := canonical(values)
	if err != nil {
		return nil, err
	}
	wanted, err := newBrowsing(values)
	data := newBrowseData(values, wanted, add)
	if len(wanted.Query.Items) > 0 && !b.Directory {
		data.Rejections = linkQuery("/rejections", wanted.Query)
	}
	if err != nil {
		return data, err
	}
	events, head, next, err := wanted.read(ctx, b.Events, newBudget(r, pageBytes))
	if err != nil {
		return data, err
	}
	data.Head = head
	if next > 0 {
		data.Next = "/browse?" + changed(values, "start", strconv.FormatUint(next, 10), "after", "", "order", order(data.Oldest)).Encode()
	}
	under := newNarrowing("/browse", changed(values, "after", "", "order", order(data.Oldest)), wanted.Query)
	for _, e := range events {
		e.under = under
		data.Events = append(data.Events, browsedEvent{e, values.Get("view")})
	}
	if len(events) > 0 && !events[0].RecordedAt.IsZero() {
		data.Timeline = timelinePath + "?" + changed(values, "start", "", "after", "", "limit", "", "order", "", "view", "").Encode()
	}
	if len(events) == 0 {
		data.missing, err = missingOf(ctx, b, wanted.Query)
	}
	return data, err
}

func newBrowseData(values url.Values, wanted browsing, add bool) *browseData {
	data := &browseData{
		Events:   []browsedEvent{},
		formData: formData{Form: newQueryForm(wanted.Query, add)},
		Ranges:   newTimeRanges("/browse", values),
		Views:    newViewChoices("/browse", values),
		Code:     "/code?" + changed(values, "view", "").Encode(),
		Live:     "/live?" + changed(values, "since", "", "until", "", "start", "", "after", "", "limit", "", "order", "").Encode(),
		Oldest:   values.Get("order") == "oldest" || values.Get("after") != "",
	}
	if !data.Oldest && values.Get("start") != "" {
		data.Newest = "/browse?" + changed(values, "start", "").Encode()
	}
	return data
}

// order returns the parameter for an order: empty for the newest event first.
func order(oldest bool) string {
	if oldest {
		return "oldest"
	}
	return ""
}

func (d *browseData) columns() []string {
	return append(eventColumns(), "uuid", "data", "omitted_data")
}

func (d *browseData) rows() iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		for _, e := range d.Events {
			data, omitted := string(e.Event.Data), ""
			if e.omittedFrom > 0 {
				data, omitted = "", e.download()
			}
			if !yield(append(e.row(), e.Event.UUID, data, omitted)) {
				return
			}
		}
	}
}
