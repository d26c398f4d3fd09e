package console

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/selection"
	"github.com/umadb-go/umadb/internal/web"
)

// why shows whether an append with a condition would be rejected, and by which events.
var why = page{path: "/why", title: "Check a condition", load: loadWhy}

// maxConflicts is the maximum number of conflicting events on a page.
const maxConflicts = 10

// whyData is the data of why.
type whyData struct {
	Condition *shownCondition `json:"condition"` // nil if the URL has none
	Head      uint64          `json:"head"`
	Rejected  bool            `json:"rejected"`
	// Conflicts are the first events that match. More is set if there are others.
	Conflicts   []*conflict `json:"conflicts"`
	More        bool        `json:"more"`
	Explanation string      `json:"explanation,omitempty"`
	missing
	formData
	After string `json:"-"`
}

// conflict is an event that matches a condition.
type conflict struct {
	Event       shownEvent   `json:"event"`
	Matches     []match      `json:"matches"`
	Explanation string       `json:"explanation"`
	Items       []markedItem `json:"-"` // those that match
}

// loadWhy reads the events that match the condition: the parameters of a query, and after, whose
// default is the head.
func loadWhy(ctx context.Context, r *http.Request, b *web.Backend) (any, error) {
	values := r.URL.Query()
	add, err := canonical(values)
	if err != nil {
		return nil, err
	}
	condition, err := conditionOf(values)
	if err != nil {
		return newWhyData(values, nil, add), err
	}
	head, err := b.Events.Head(ctx)
	if err != nil {
		return newWhyData(values, condition, add), err
	}
	if condition != nil && values.Get("after") == "" {
		condition.After = head
	}
	data := newWhyData(values, condition, add)
	data.Head = head
	if condition == nil {
		return data, nil
	}
	under := newNarrowing("/why", url.Values{"after": {strconv.FormatUint(condition.After, 10)}}, condition.FailIfEventsMatch)
	options := dcb.ReadOptions{Start: new(condition.After + 1), Limit: new(uint32(maxConflicts + 1))}
	for e, err := range b.Events.Read(ctx, condition.FailIfEventsMatch, options).All() {
		if err != nil {
			return data, err
		}
		if data.More = len(data.Conflicts) == maxConflicts; data.More {
			break
		}
		data.Conflicts = append(data.Conflicts, newConflict(data.Condition, e, under))
	}
	data.Rejected = len(data.Conflicts) > 0
	data.Explanation = data.explain()
	if !data.Rejected {
		data.missing, err = missingOf(ctx, b, condition.FailIfEventsMatch)
	}
	return data, err
}

// newWhyData returns the page with its form. The condition may be nil.
func newWhyData(values url.Values, condition *dcb.AppendCondition, add bool) *whyData {
	data := &whyData{Conflicts: []*conflict{}, After: values.Get("after")}
	if condition == nil {
		data.Form = newQueryForm(dcb.Query{}, add)
		return data
	}
	data.Condition = newShownCondition(condition)
	data.Form = newQueryForm(condition.FailIfEventsMatch, add)
	return data
}

// conditionOf returns the condition in the parameters of a URL, or nil if there is none.
func conditionOf(values url.Values) (*dcb.AppendCondition, error) {
	parameters := []string{"type", "tag", "item", "after"}
	isGiven := false
	for name, texts := range values {
		if !slices.Contains(parameters, name) {
			return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("the parameter %q: it is unknown: use %s", name, strings.Join(parameters, ", "))}
		}
		isGiven = isGiven || slices.ContainsFunc(texts, func(text string) bool { return text != "" })
	}
	s, err := selection.FromValues(values, time.Now())
	if err != nil || !isGiven {
		return nil, err
	}
	condition := &dcb.AppendCondition{FailIfEventsMatch: s.Query}
	if s.Options.Start != nil {
		condition.After = *s.Options.Start - 1
	}
	return condition, nil
}

// explain describes the result.
func (d *whyData) explain() string {
	after := d.Condition.After
	switch n := len(d.Conflicts); {
	case d.More:
		return fmt.Sprintf("An append with this condition would be rejected: more than %d events after position %d match it, the first one at position %d.", n, after, d.Conflicts[0].Event.Position)
	case n > 1:
		return fmt.Sprintf("An append with this condition would be rejected: %d events after position %d match it, the first one at position %d.", n, after, d.Conflicts[0].Event.Position)
	case n == 1:
		return fmt.Sprintf("An append with this condition would be rejected: event %d matches it and came after position %d.", d.Conflicts[0].Event.Position, after)
	case after > d.Head:
		return fmt.Sprintf("An append with this condition would be accepted, but position %d is after the last event, at %d: a decision cannot have read it. Check that it is a position of this store.", after, d.Head)
	case after == d.Head:
		return fmt.Sprintf("An append with this condition would be accepted, until a matching event is appended: there is no event after position %d.", after)
	}
	return fmt.Sprintf("An append with this condition would be accepted, until a matching event is appended: none of the events after position %d, up to %d, matches it.", after, d.Head)
}

// Later returns the link to all events that match.
func (d *whyData) Later() string {
	return linkQuery("/browse", d.Condition.query(), "order", "oldest", "after", strconv.FormatUint(d.Condition.After, 10))
}

func newConflict(condition *shownCondition, event dcb.SequencedEvent, under narrowing) *conflict {
	c := &conflict{Event: briefEvent(event, condition.query()), Matches: condition.matches(&event.Event)}
	c.Event.under = under
	for _, item := range condition.marked(&event.Event, c.Matches[:min(len(c.Matches), maxMatches)]) {
		if item.Matches {
			c.Items = append(c.Items, item)
		}
	}
	c.Explanation = fmt.Sprintf("Event %d %s.", event.Position, matchText(c.Matches))
	return c
}

// maxMatches is the maximum number of matching items that are described.
const maxMatches = 3

// matchText describes which items an event matches, and by what.
func matchText(matches []match) string {
	if len(matches) == 0 {
		return "matches the condition, as every event does"
	}
	var texts []string
	for _, m := range matches[:min(len(matches), maxMatches)] {
		var by []string
		if m.Type != nil {
			by = append(by, "its type is "+markedName{Name: *m.Type}.String())
		}
		if len(m.Tags) > 0 {
			by = append(by, "it has "+tagsText(m.Tags))
		}
		if len(by) == 0 {
			by = append(by, "every event does")
		}
		texts = append(texts, fmt.Sprintf("item %d, because %s", m.Number, strings.Join(by, " and ")))
	}
	text := "matches " + strings.Join(texts, "; and ")
	if more := len(matches) - maxMatches; more > 0 {
		text += fmt.Sprintf("; and %d more items", more)
	}
	return text
}

// tagsText lists tags in a sentence.
func tagsText(tags []string) string {
	const most = 10
	noun, shown := "the tag ", slices.Clone(tags[:min(len(tags), most)])
	if len(tags) > 1 {
		noun = "the tags "
	}
	for i, tag := range shown {
		shown[i] = markedName{Name: tag}.String()
	}
	text := noun + strings.Join(shown, " and ")
	if more := len(tags) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func (d *whyData) columns() []string { return append(eventColumns(), "explanation") }

func (d *whyData) rows() iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		for _, c := range d.Conflicts {
			if !yield(append(c.Event.row(), c.Explanation)) {
				return
			}
		}
	}
}
