package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/selection"
	"github.com/umadb-go/umadb/internal/web"
)

// live shows the events that match a query as they are appended.
var live = page{path: "/live", title: "Live", load: loadLive}

const (
	defaultLive = 100 // events that are shown
	maxLive     = 500
)

// liveData is the data of live.
type liveData struct {
	// After is the position after which events are shown.
	After uint64 `json:"after"`
	Head  uint64 `json:"head"`
	// Events is the link to the events, as a stream.
	Events string `json:"events"`
	// Limit is the maximum number of events that are shown.
	Limit int `json:"limit"`
	formData
	Views  []viewChoice `json:"-"`
	Browse string       `json:"-"`
}

// tail is what the parameters of live select.
type tail struct {
	query dcb.Query
	after *uint64 // nil for the head
	limit int
	view  string
}

// newTail parses the parameters of live.
func newTail(values url.Values) (tail, error) {
	for _, name := range []string{"since", "until", "backwards"} {
		if values.Get(name) != "" {
			return tail{}, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("the parameter %q: new events have no such bound: remove it, or use Browse", name)}
		}
	}
	s, err := selection.FromValues(values, time.Now(), "view")
	t := tail{query: s.Query, limit: defaultLive, view: values.Get("view")}
	if start := s.Options.Start; start != nil {
		t.after = new(max(*start, 1) - 1)
	}
	if limit := s.Options.Limit; limit != nil {
		t.limit = int(min(max(*limit, 1), maxLive))
	}
	return t, err
}

func loadLive(ctx context.Context, r *http.Request, b *web.Backend) (any, error) {
	values := r.URL.Query()
	add, err := canonical(values)
	if err != nil {
		return nil, err
	}
	t, err := newTail(values)
	data := newLiveData(values, t, add)
	if err != nil {
		return data, err
	}
	if data.Head, err = b.Events.Head(ctx); err != nil {
		return data, err
	}
	data.After = data.Head
	if t.after != nil {
		data.After = *t.after
	}
	data.Events = "/live/events?" + changed(values, "start", "", "after", strconv.FormatUint(data.After, 10)).Encode()
	return data, nil
}

func newLiveData(values url.Values, t tail, add bool) *liveData {
	return &liveData{
		Limit:    t.limit,
		formData: formData{Form: newQueryForm(t.query, add)},
		Views:    newViewChoices("/live", values),
		Browse:   "/browse?" + changed(values, "after", "", "start", "", "limit", "").Encode(),
	}
}

// streamLive answers with the events, as server-sent events, until the browser or the server leaves.
func streamLive(w http.ResponseWriter, r *http.Request, b *web.Backend) error {
	t, err := newTail(r.URL.Query())
	if err != nil {
		return err
	}
	head, err := headSoon(r.Context(), b)
	if err != nil {
		return err
	}
	after, resumes, err := web.LastEventID(r)
	if err != nil {
		return err
	}
	if !resumes && t.after != nil {
		after = *t.after
	} else if !resumes {
		after = head
	}
	w.Header().Set("Content-Type", "text/event-stream")
	under := newNarrowing("/live", changed(r.URL.Query(), "after", strconv.FormatUint(after, 10)), t.query)
	stream := &liveStream{tail: t, w: w, backend: b, position: after, under: under}
	return stream.run(r.Context(), head)
}

// headSoon returns the head, or an error if the server does not answer.
func headSoon(ctx context.Context, b *web.Backend) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, beatInterval)
	defer cancel()
	return b.Events.Head(ctx)
}

// recent are the newest of some events.
type recent struct {
	events []dcb.SequencedEvent
	bytes  int // of their data
	count  int // with those that it has dropped
}

// add adds an event. It drops the oldest ones if there are twice as many as most, or if they are large.
func (n *recent) add(e dcb.SequencedEvent, most int) {
	n.events, n.bytes, n.count = append(n.events, e), n.bytes+sizeOf(&e.Event), n.count+1
	if len(n.events) >= 2*most {
		n.dropTo(most)
	}
	for n.bytes > maxEventBytes && len(n.events) > 1 {
		n.dropTo(len(n.events) - 1)
	}
}

// dropTo drops the oldest events until there are at most so many.
func (n *recent) dropTo(most int) {
	drop := max(len(n.events)-most, 0)
	for _, e := range n.events[:drop] {
		n.bytes -= sizeOf(&e.Event)
	}
	n.events = slices.Delete(n.events, 0, drop)
}
