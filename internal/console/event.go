package console

import (
	"context"
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
	// Previous and Next are the events beside it; nil if there is none.
	Previous *neighbour `json:"previous"`
	Next     *neighbour `json:"next"`
	// Commit is the events that were recorded at the same time, in order, with this one; nil if the
	// server does not tell when.
	Commit []neighbour `json:"commit,omitempty"`
	// MoreBefore and MoreAfter are set if the commit has other events before or after these.
	MoreBefore bool `json:"more_before,omitempty"`
	MoreAfter  bool `json:"more_after,omitempty"`
	// Tags are the first tags of the event. MoreTags is the number of the others.
	Tags     []sharedTag `json:"tags"`
	MoreTags int         `json:"more_tags,omitempty"`
	// Rejections are those appends of the last ones that conflict with the event.
	Rejections []*shownRejection `json:"rejections,omitempty"`
	// Unavailable is why the rejections are not known; empty if they are.
	Unavailable string       `json:"unavailable,omitempty"`
	Views       []viewChoice `json:"-"`
	Data        payload      `json:"-"`
}

// neighbour is an event that is near another one.
type neighbour struct {
	Position uint64   `json:"position"`
	Type     string   `json:"type"`
	Tags     []string `json:"tags"`
}

// sharedTag is a tag with the events before and after that have it too.
type sharedTag struct {
	Tag      string     `json:"tag"`
	Previous *neighbour `json:"previous"`
	Next     *neighbour `json:"next"`
}

// loadEvent reads the event at the parameter position, and what is around it.
func loadEvent(ctx context.Context, r *http.Request, b *web.Backend) (any, error) {
	e, err := readEvent(ctx, r, b)
	if err != nil {
		return nil, err
	}
	head, err := b.Events.Head(ctx) // that of a read with a limit is its last event
	if err != nil {
		return nil, err
	}
	shown, err := newBudget(r, pageBytes).keep(ctx, e, shownBytes)
	if err != nil {
		return nil, err
	}
	data := &eventData{
		Event: shown,
		Head:  head,
		Views: newViewChoices("/event", r.URL.Query())[:3],
		Data:  shown.payload(r.URL.Query().Get("view"), shownBytes),
	}
	if err := data.readNeighbours(ctx, b.Events); err != nil {
		return nil, err
	}
	if err := data.readTags(ctx, b.Events); err != nil {
		return nil, err
	}
	return data, data.findRejections(ctx, b)
}

// findRejections finds the rejected appends that conflict with the event.
func (d *eventData) findRejections(ctx context.Context, b *web.Backend) error {
	all, unavailable, err := allRejections(ctx, b)
	d.Unavailable = unavailable
	for _, rejection := range all.GetRejections() {
		if rejection.GetConflictPosition() != d.Event.Position {
			continue
		}
		shown := newShownRejection(rejection)
		shown.Conflict = &d.Event
		shown.explain()
		shown.Conflict = nil // the page has it
		d.Rejections = append(d.Rejections, shown)
	}
	return err
}

// Why returns the link to the page about a condition that the event would have broken.
func (d *eventData) Why() string {
	e := d.Event.SequencedEvent
	item := dcb.QueryItem{Types: []string{e.Event.Type}, Tags: e.Event.Tags}
	return linkQuery("/why", dcb.Query{Items: []dcb.QueryItem{item}}, "after", strconv.FormatUint(e.Position-1, 10))
}
