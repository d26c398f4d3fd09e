package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
	"github.com/umadb-go/umadb/internal/selection"
	"github.com/umadb-go/umadb/internal/web"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// rejections shows the appends that were rejected last, and why.
var rejections = page{path: "/rejections", title: "Rejections", load: loadRejections}

// pageRejections is the maximum number of rejections on a page.
const pageRejections = 25

// rejectionsData is the data of rejections.
type rejectionsData struct {
	Rejections []*shownRejection `json:"rejections"` // the newest first
	Total      uint64            `json:"total"`
	Since      time.Time         `json:"since"`
	// Unavailable is why the rejections are not known; empty if they are.
	Unavailable string `json:"unavailable,omitempty"`
	// One is the number of the only rejection on the page; nil if the page has the last ones.
	One *uint64 `json:"-"`
	// Next is the link to the page after this one; empty if there is none.
	Next string `json:"next,omitempty"`
	// IsFiltered is set if the page has only those that concern the events of a query.
	IsFiltered bool `json:"-"`
	formData
}

// shownRejection is a rejected append.
type shownRejection struct {
	Number     uint64            `json:"number"`
	Time       time.Time         `json:"time"`
	Key        string            `json:"key,omitempty"`
	Peer       string            `json:"peer"`
	Events     []rejectedEvent   `json:"events"`
	MoreEvents uint32            `json:"more_events,omitempty"`
	Condition  *shownCondition   `json:"condition,omitempty"`
	Tracking   *dcb.TrackingInfo `json:"-"`
	// Conflict is the event that matches the condition; nil if there is none, or if it cannot be read.
	Conflict *shownEvent `json:"conflict,omitempty"`
	// Unread is why the conflicting event cannot be read; empty if it can.
	Unread           string  `json:"conflict_unread,omitempty"`
	ConflictPosition uint64  `json:"conflict_position,omitempty"`
	Matches          []match `json:"matches,omitempty"`
	Reason           string  `json:"reason"` // the error of the client
	Explanation      string  `json:"explanation"`
	// Later is an event after the conflicting one that was recorded after the rejection, with the type
	// and tags of the first event; nil if none is known.
	Later *neighbour `json:"later,omitempty"`
	// Omitted is the number of rejections between this one and the one before it that the server has
	// not kept.
	Omitted uint64 `json:"omitted,omitempty"`
}

// rejectedEvent is an event that was not appended.
type rejectedEvent struct {
	Type     string   `json:"type"`
	Tags     []string `json:"tags"`
	MoreTags uint32   `json:"more_tags,omitempty"`
}

// ShownTags returns the first tags.
func (e rejectedEvent) ShownTags() tagList { return firstTags(e.Tags, int(e.MoreTags)) }

// TypeChip returns the type for display, and TagChips the first tags.
func (e rejectedEvent) TypeChip() chip     { return narrowing{}.typed(e.Type) }
func (e rejectedEvent) TagChips() tagChips { return narrowing{}.chips(e.ShownTags()) }

// MarshalJSON adds the tracking.
func (r *shownRejection) MarshalJSON() ([]byte, error) {
	type plain shownRejection
	type tracking struct {
		Source   string `json:"source"`
		Position uint64 `json:"position"`
	}
	return json.Marshal(struct {
		*plain
		Tracking *tracking `json:"tracking,omitempty"`
	}{(*plain)(r), (*tracking)(r.Tracking)})
}

// loadRejections asks for the rejection with the number in the parameter id, or for those with
// numbers below the parameter before, if there is one. With a query, only those that concern its events count.
func loadRejections(ctx context.Context, r *http.Request, b *web.Backend) (any, error) {
	values := r.URL.Query()
	add, err := canonical(values)
	if err != nil {
		return nil, err
	}
	before, err := positionValue(r, "before")
	if err != nil {
		return nil, err
	}
	id, err := positionValue(r, "id")
	if err != nil {
		return nil, err
	}
	query, err := queryOf(values)
	data := &rejectionsData{Rejections: []*shownRejection{}, One: id, IsFiltered: len(query.Items) > 0, formData: formData{Form: newQueryForm(query, add)}}
	if err != nil {
		return data, err
	}
	selected := newFilter(query)
	all, unavailable, err := allRejections(ctx, b)
	if err != nil || unavailable != "" {
		data.Unavailable = unavailable
		return data, err
	}
	data.Total, data.Since = all.GetTotal(), all.GetSince().AsTime()
	for n, rejection := range all.GetRejections() {
		if before != nil && rejection.GetNumber() >= *before || id != nil && rejection.GetNumber() != *id {
			continue
		}
		shown := newShownRejection(rejection)
		if !selected.selects(shown) {
			continue
		}
		if len(data.Rejections) == pageRejections {
			data.Next = linkQuery("/rejections", query, "before", strconv.FormatUint(data.Rejections[pageRejections-1].Number, 10))
			break
		}
		if older := all.GetRejections()[n+1:]; len(older) > 0 && id == nil && !data.IsFiltered {
			shown.Omitted = shown.Number - older[0].GetNumber() - 1
		}
		data.Rejections = append(data.Rejections, shown)
	}
	if err := readConflicts(ctx, b.Events, data.Rejections); err != nil {
		return nil, err
	}
	if err := readLater(ctx, b.Events, data.Rejections); err != nil {
		return nil, err
	}
	for _, rejection := range data.Rejections {
		rejection.explain()
	}
	return data, nil
}

// allRejections returns what the server keeps, or why it is not known.
func allRejections(ctx context.Context, b *web.Backend) (all *adminv1.RejectionsResponse, unavailable string, err error) {
	if b.Directory {
		return nil, "Rejections are kept in the memory of a server and end with it. This is a directory without a server.", nil
	}
	all, err = b.Operator.Rejections(ctx, 0)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return nil, "This server does not keep the appends that it rejects: it is of another program or an older version.", nil
	case errors.Is(err, dcb.ErrAuthentication):
		return nil, "The API key does not have the right admin, which is needed to see what was rejected.", nil
	}
	return all, "", err
}

// positionValue returns the number that a parameter of the URL has, or nil if it is missing.
func positionValue(r *http.Request, name string) (*uint64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return nil, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("the parameter %q: %q is not a number", name, text)}
	}
	return &n, nil
}

func newShownRejection(r *adminv1.Rejection) *shownRejection {
	shown := &shownRejection{
		Number:           r.GetNumber(),
		Time:             r.GetTime().AsTime(),
		Key:              r.GetKey(),
		Peer:             r.GetPeer(),
		Events:           []rejectedEvent{},
		MoreEvents:       r.GetMoreEvents(),
		ConflictPosition: r.GetConflictPosition(),
		Reason:           r.GetReason(),
	}
	for _, e := range r.GetEvents() {
		shown.Events = append(shown.Events, rejectedEvent{e.GetType(), append([]string{}, e.GetTags()...), e.GetMoreTags()})
	}
	if c := r.GetCondition(); c != nil {
		shown.Condition = &shownCondition{Items: []shownItem{}, MoreItems: int(c.GetMoreItems()), After: c.GetAfter()}
		for _, item := range c.GetItems() {
			shown.Condition.Items = append(shown.Condition.Items, shownItem{item.GetTypes(), item.GetTags(), int(item.GetMoreTypes()), int(item.GetMoreTags())})
		}
	}
	if t := r.GetTracking(); t != nil {
		shown.Tracking = &dcb.TrackingInfo{Source: t.GetSource(), Position: t.GetPosition()}
	}
	return shown
}

// Items returns the items of the condition, compared with the conflicting event.
func (r *shownRejection) Items() []markedItem {
	var event dcb.Event
	if r.Conflict != nil {
		event = r.Conflict.Event
	}
	return r.Condition.marked(&event, r.Matches)
}

// Name describes the first event; it is empty if there is none.
func (r *shownRejection) Name() string {
	if len(r.Events) == 0 {
		return ""
	}
	return eventName(r.Events[0].Type, r.Events[0].ShownTags())
}

// Link returns the link to the page of this rejection.
func (r *shownRejection) Link() string { return link("/rejections", "id", r.Number) }

// ConflictLink returns the link to the conflicting event.
func (r *shownRejection) ConflictLink() string { return link("/event", "position", r.ConflictPosition) }

func (d *rejectionsData) columns() []string {
	return []string{"number", "time", "key", "peer", "types", "tags", "condition", "after", "conflict_position", "tracking_source", "tracking_position", "explanation"}
}

func (d *rejectionsData) rows() iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		for _, r := range d.Rejections {
			if !yield(r.row()) {
				return
			}
		}
	}
}

func (r *shownRejection) row() []string {
	var types, tags, items []string
	for _, e := range r.Events {
		types = append(types, e.Type)
		for _, tag := range e.Tags {
			if !slices.Contains(tags, tag) {
				tags = append(tags, tag)
			}
		}
	}
	condition, after, conflict, source, position := "", "", "", "", ""
	if r.Condition != nil {
		for _, item := range r.Condition.Items {
			items = append(items, selection.FormatItem(item.item()))
		}
		condition, after = string(ndjson.AppendTags(nil, items)), strconv.FormatUint(r.Condition.After, 10)
	}
	if r.ConflictPosition > 0 {
		conflict = strconv.FormatUint(r.ConflictPosition, 10)
	}
	if r.Tracking != nil {
		source, position = r.Tracking.Source, strconv.FormatUint(r.Tracking.Position, 10)
	}
	return []string{
		strconv.FormatUint(r.Number, 10), r.Time.Format(time.RFC3339Nano), r.Key, r.Peer, string(ndjson.AppendTags(nil, types)), string(ndjson.AppendTags(nil, tags)),
		condition, after, conflict, source, position, r.Explanation,
	}
}
