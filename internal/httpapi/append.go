package httpapi

import (
	"errors"
	"net/http"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
	"github.com/umadb-go/umadb/internal/web"
)

// appendRequest is the body of an append.
type appendRequest struct {
	Events    *[]newEvent       `json:"events"`
	Condition *appendCondition  `json:"condition"`
	Tracking  *appendedTracking `json:"tracking"`
}

// newEvent is an event to append as JSON, as in a line of NDJSON.
type newEvent struct{ dcb.Event }

// appendCondition is dcb.AppendCondition as JSON.
type appendCondition struct {
	Query *[]queryItem `json:"query"`
	After uint64       `json:"after"`
}

// queryItem is dcb.QueryItem as JSON.
type queryItem struct {
	Types ndjson.Texts `json:"types"`
	Tags  ndjson.Texts `json:"tags"`
}

// appendedTracking is dcb.TrackingInfo as JSON.
type appendedTracking struct {
	Source   *string `json:"source"`
	Position *uint64 `json:"position"`
}

// appendEvents appends the events of the body.
func appendEvents(w http.ResponseWriter, r *http.Request, b *web.Backend) error {
	if err := b.CheckAppend(); err != nil {
		return err
	}
	p, err := parametersOf(r)
	if err != nil {
		return err
	}
	if err := p.only(); err != nil {
		return err
	}
	body, release, err := b.ReadJSON(r)
	if err != nil {
		return err
	}
	defer release()
	events, condition, tracking, err := parseAppend(body)
	if err != nil {
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "the body: " + err.Error()}
	}
	position, err := b.Events.Append(r.Context(), events, condition, tracking)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	return ndjson.Write(w, map[string]uint64{"position": position})
}

// parseAppend returns the arguments of an append.
func parseAppend(body []byte) (events []dcb.Event, condition *dcb.AppendCondition, tracking *dcb.TrackingInfo, err error) {
	var request appendRequest
	if err := ndjson.Unmarshal(body, &request, new(appendParser).options()); err != nil {
		if own := (*mistake)(nil); errors.As(err, &own) {
			err = own
		}
		return nil, nil, nil, err
	}
	if request.Events == nil {
		return nil, nil, nil, errors.New(`it has no "events": send a list of events, as in {"events":[{"type":"A"}]}`)
	}
	events = make([]dcb.Event, len(*request.Events))
	for i := range events {
		events[i] = (*request.Events)[i].Event
	}
	if condition, err = request.Condition.parse(); err != nil {
		return nil, nil, nil, err
	}
	if t := request.Tracking; t != nil {
		if t.Source == nil || t.Position == nil {
			return nil, nil, nil, errors.New(`its "tracking" must have a source and a position`)
		}
		tracking = &dcb.TrackingInfo{Source: *t.Source, Position: *t.Position}
	}
	return events, condition, tracking, nil
}

// parse returns the condition, or nil if c is nil.
func (c *appendCondition) parse() (*dcb.AppendCondition, error) {
	if c == nil {
		return nil, nil
	}
	if c.Query == nil { // a query without items matches every event, a missing one is probably a mistake
		return nil, errors.New(`its "condition" has no "query": an event that matches it is a conflict; [] matches every event`)
	}
	condition := &dcb.AppendCondition{After: c.After}
	for _, item := range *c.Query {
		condition.FailIfEventsMatch.Items = append(condition.FailIfEventsMatch.Items, dcb.QueryItem{Types: item.Types, Tags: item.Tags})
	}
	return condition, nil
}
