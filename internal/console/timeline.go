package console

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/selection"
	"github.com/umadb-go/umadb/internal/web"
)

// timeline shows how many events match a query over time, by type.
var timeline = page{path: timelinePath, title: "Timeline", load: loadTimeline}

const timelinePath = "/timeline"

// timelineData is the data of timeline.
type timelineData struct {
	// From and To are those of all periods. To is exclusive. They are zero if no event matches.
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
	// Step is how long a period is, except that the first and the last one are cut where since and until are.
	Step    string           `json:"step,omitempty"`
	Periods []period         `json:"periods"`
	Series  []timelineSeries `json:"series"`
	Events  uint64           `json:"events"`
	missing
	formData
	Ranges []timeRange `json:"-"`
	// Earlier, Later, Out and All are links to other ranges. All is empty if the range is not restricted.
	Earlier string `json:"-"`
	Later   string `json:"-"`
	Out     string `json:"-"`
	All     string `json:"-"`
	// Unlinked is set if the query is too long to repeat it in the links of each period and series.
	Unlinked bool `json:"-"`
}

// period is a part of the range.
type period struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"` // exclusive
	Events uint64    `json:"events"`
	// Counts are the numbers of events by series.
	Counts []uint64 `json:"counts"`
	// Browse is the link to the events, and Zoom that to the timeline of the period. They are empty if
	// there are no events, or if the query is too long.
	Browse string `json:"-"`
	Zoom   string `json:"-"`
}

// Since returns the start of the period as the parameter since has it.
func (p period) Since() string { return p.From.UTC().Format(time.RFC3339Nano) }

// Until returns the end of the period as the parameter until has it, which is inclusive.
func (p period) Until() string { return p.To.UTC().Add(-time.Nanosecond).Format(time.RFC3339Nano) }

// EndMilli returns the end of the period for the chart, in milliseconds, so that no period is empty there.
func (p period) EndMilli() int64 { return p.To.Add(time.Millisecond - 1).UnixMilli() }

// timelineSeries are the events of a type, or those of all other types.
type timelineSeries struct {
	Type   string `json:"type"` // empty for the others, or for a type without a name
	Others bool   `json:"others,omitempty"`
	Events uint64 `json:"events"`
	Color  int    `json:"-"` // the number of the colour
	Only   string `json:"-"` // the link to the timeline of this type
}

// Label is the name for people.
func (s timelineSeries) Label() string {
	switch {
	case s.Others:
		return "other types"
	case s.Type == "":
		return "no type"
	}
	return s.Type
}

// loadTimeline counts the events.
func loadTimeline(ctx context.Context, r *http.Request, b *web.Backend) (any, error) {
	values := r.URL.Query()
	add, err := canonical(values)
	if err != nil {
		return nil, err
	}
	wanted, err := newTimelineQuery(values)
	data := newTimelineData(values, wanted.Query, add)
	if err != nil {
		return data, err
	}
	ends, err := findRange(ctx, b.Events, wanted)
	switch {
	case err != nil:
		return data, err
	case !ends.found:
		data.missing, err = missingOf(ctx, b, wanted.Query)
		return data, err
	}
	step := stepFor(ends.from, ends.to)
	if wanted.Since.IsZero() {
		ends.from = step.begin(ends.from)
	}
	if wanted.Until.IsZero() {
		ends.to = step.end(ends.to)
	}
	edges := step.edges(ends.from, ends.to)
	bounds, err := boundsAt(ctx, b.Events, edges, ends.head)
	if err != nil {
		return data, err
	}
	all, series, err := countByType(ctx, b.Terms, wanted.Query, bounds)
	if err != nil {
		return data, err
	}
	data.Step = step.name
	data.set(values, wanted.Query, edges, all, series)
	return data, nil
}

// newTimelineQuery parses the parameters of timeline.
func newTimelineQuery(values url.Values) (selection.Selection, error) {
	for _, name := range []string{"start", "after", "backwards", "limit"} {
		if values.Get(name) != "" {
			return selection.Selection{}, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "the timeline has no parameter \"" + name + "\": restrict the events with since and until"}
		}
	}
	return selection.FromValues(values, time.Now())
}

func newTimelineData(values url.Values, query dcb.Query, add bool) *timelineData {
	data := &timelineData{
		Periods:  []period{},
		Series:   []timelineSeries{},
		formData: formData{Form: newQueryForm(query, add)},
		Ranges:   newTimeRanges(timelinePath, values),
	}
	if values.Get("since")+values.Get("until") != "" {
		data.All = timelinePath + "?" + changed(values, "since", "", "until", "").Encode()
	}
	return data
}

// set sets the periods between edges and what depends on them.
func (d *timelineData) set(values url.Values, query dcb.Query, edges []time.Time, all []uint64, series []typeCounts) {
	d.From, d.To = edges[0], edges[len(edges)-1]
	d.Unlinked = len(values.Encode()) > maxRepeatedQuery
	for i, events := range all {
		p := period{From: edges[i], To: edges[i+1], Events: events}
		if events > 0 && !d.Unlinked {
			p.Browse = "/browse?" + between(values, p.From, p.To, "order", "oldest").Encode()
			p.Zoom = timelinePath + "?" + between(values, p.From, p.To).Encode()
		}
		for _, s := range series {
			p.Counts = append(p.Counts, s.counts[i])
		}
		d.Periods = append(d.Periods, p)
		d.Events += events
	}
	under := newNarrowing(timelinePath, values, query)
	for _, s := range series {
		shown := timelineSeries{Type: s.name, Others: s.others, Events: s.events, Color: s.color}
		if !s.others && s.name != "" && !d.Unlinked {
			shown.Only = under.link(narrowed(query, s.name))
		}
		d.Series = append(d.Series, shown)
	}
	size := d.To.Sub(d.From)
	link := func(from, to time.Time) string { return timelinePath + "?" + between(values, from, to).Encode() }
	d.Earlier, d.Later = link(d.From.Add(-size/2), d.To.Add(-size/2)), link(d.From.Add(size/2), d.To.Add(size/2))
	d.Out = link(d.From.Add(-size/2), d.To.Add(size/2))
}

// between returns parameters with a range of times whose end is exclusive, and other changes.
func between(values url.Values, from, to time.Time, changes ...string) url.Values {
	p := period{From: from, To: to}
	return changed(values, append(changes, "since", p.Since(), "until", p.Until())...)
}

func (d *timelineData) columns() []string {
	columns := []string{"from", "to", "events"}
	for _, s := range d.Series {
		columns = append(columns, s.Label())
	}
	return columns
}

func (d *timelineData) rows() iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		for _, p := range d.Periods {
			row := []string{p.From.Format(time.RFC3339Nano), p.To.Format(time.RFC3339Nano), strconv.FormatUint(p.Events, 10)}
			for _, n := range p.Counts {
				row = append(row, strconv.FormatUint(n, 10))
			}
			if !yield(row) {
				return
			}
		}
	}
}

var errNoTimes = &dcb.Error{Kind: dcb.ErrTransport, Detail: "the server does not keep recorded times, which the timeline needs", Cause: errors.ErrUnsupported}
