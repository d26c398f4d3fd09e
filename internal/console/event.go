package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/selection"
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
	Unavailable string `json:"unavailable,omitempty"`
	// Within is the item of a query that all events around this one match, if the key has limits, which do not permit
	// others; otherwise it is empty.
	Within string `json:"within,omitempty"`
	// Alone is why the events around this one are not known; empty if they are.
	Alone string       `json:"alone,omitempty"`
	Views []viewChoice `json:"-"`
	Data  payload      `json:"-"`
	formData
}

// neighbour is an event that is near another one.
type neighbour struct {
	Position uint64   `json:"position"`
	Type     string   `json:"type"`
	Tags     []string `json:"tags"` // the first ones
	MoreTags int      `json:"more_tags,omitempty"`
	// by is the item of a query by which the event was read.
	by dcb.QueryItem
}

// newNeighbour returns an event that was read by a query.
func newNeighbour(e *dcb.SequencedEvent, query dcb.Query) neighbour {
	tags := firstTags(e.Event.Tags).clone()
	return neighbour{Position: e.Position, Type: strings.Clone(shortName(e.Event.Type)), Tags: tags.Shown, MoreTags: tags.More, by: itemFor(query, &e.Event)}
}

// Link returns the link to the page of the event.
func (n neighbour) Link() string { return linkEvent("/event", n.Position, n.by) }

// sharedTag is a tag with the events before and after that have it too.
type sharedTag struct {
	Tag      string     `json:"tag"`
	Previous *neighbour `json:"previous"`
	Next     *neighbour `json:"next"`
}

// loadEvent reads the event at the parameter position, and what is around it.
func loadEvent(ctx context.Context, r *http.Request, b *web.Backend) (any, error) {
	if _, err := canonical(r.URL.Query()); err != nil { // the form without scripts
		return nil, err
	}
	e, by, isLimited, err := readEvent(ctx, r, b)
	if err != nil {
		return newEventForm(r.URL.Query()), err
	}
	head, err := b.Events.Head(ctx) // that of a read with a limit is its last event
	if err != nil {
		return nil, err
	}
	shown, err := newBudget(r, pageBytes).keep(ctx, e, shownBytes)
	if err != nil {
		return nil, err
	}
	shown.by, shown.under = by, underItem(by)
	data := &eventData{
		Event: shown,
		Head:  head,
		Tags:  []sharedTag{},
		Views: newViewChoices("/event", r.URL.Query())[:3],
		Data:  shown.payload(r.URL.Query().Get("view"), shownBytes),
	}
	if !isEmpty(by) {
		data.Within = selection.FormatItem(by)
	}
	if isLimited && isEmpty(by) {
		data.Alone = fmt.Sprintf("The API key has limits, and the URL has more than %d types and tags: with fewer, this page has the events around this one.", maxComparedNames)
		return data, data.findRejections(ctx, b)
	}
	if err := data.readNeighbours(ctx, b.Events); err != nil {
		return nil, err
	}
	if err := data.readTags(ctx, b.Events); err != nil {
		return nil, err
	}
	return data, data.findRejections(ctx, b)
}

// newEventForm returns the page with a form for the position of an event, and for its type and tags.
func newEventForm(values url.Values) *eventData {
	query, _ := queryOf(values) // its error is the problem
	form := newQueryForm(query, false)
	form.Items[len(form.Items)-1].Last = false // one item is enough
	return &eventData{formData: formData{Form: form}}
}

// within returns the query for the events around this one: all, or those with some other tags that match the item by
// which a key with limits can read this one.
func (d *eventData) within(tags ...string) dcb.Query {
	if isEmpty(d.Event.by) && len(tags) == 0 {
		return dcb.Query{}
	}
	item := d.Event.by
	for _, tag := range tags {
		if !slices.Contains(item.Tags, tag) {
			item.Tags = append(slices.Clone(item.Tags), tag)
		}
	}
	return dcb.Query{Items: []dcb.QueryItem{item}}
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
		shown.setConflict(d.Event.SequencedEvent, dcb.Query{})
		shown.explain()
		shown.Conflict = nil // the page has it
		d.Rejections = append(d.Rejections, shown)
	}
	return err
}

// IsCut reports whether the page does not show all of the type and tags.
func (d *eventData) IsCut() bool {
	return len(d.Event.Event.Type) > maxNameBytes || d.Event.ShownTags().More > 0
}

// TagChip returns one of the tags for display.
func (d *eventData) TagChip(tag string) chip { return d.Event.under.tagged(tag) }

// Why returns the link to the page about a condition that the event would have broken.
func (d *eventData) Why() string {
	e := d.Event.SequencedEvent
	item := dcb.QueryItem{Tags: slices.Clone(d.Event.ShownTags().Shown)}
	if len(e.Event.Type) <= maxNameBytes {
		item.Types = []string{e.Event.Type}
	}
	for _, tag := range d.Event.by.Tags { // which a key with limits may need
		if !slices.Contains(item.Tags, tag) {
			item.Tags = append(item.Tags, tag)
		}
	}
	return linkQuery("/why", dcb.Query{Items: []dcb.QueryItem{item}}, "after", strconv.FormatUint(e.Position-1, 10))
}
