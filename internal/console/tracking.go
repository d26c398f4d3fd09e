package console

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/web"
)

// tracking shows the positions of tracking sources. A store does not know when a position was
// recorded; a script shows which ones move while the page is open.
var tracking = page{path: "/tracking", title: "Tracking", load: loadTracking}

// maxSources is the maximum number of sources that tracking shows.
const maxSources = 1000

// trackingData is the data of tracking.
type trackingData struct {
	// Unlisted is why the sources cannot be listed: one can be asked for by its name. It is empty if
	// they are listed.
	Unlisted string `json:"unlisted,omitempty"`
	// Sources are those with the prefix, by name. More is the number of those that are omitted.
	Sources []sourceData `json:"sources"`
	More    int          `json:"more"`
	// Asked is the source of the parameter source.
	Asked *askedSource `json:"asked,omitempty"`
}

// sourceData is a tracking source. Position is nil if none is recorded.
type sourceData struct {
	Source   string  `json:"source"`
	Position *uint64 `json:"position"`
}

// Digits returns the position; it is empty if none is recorded.
func (s sourceData) Digits() string {
	if s.Position == nil {
		return ""
	}
	return strconv.FormatUint(*s.Position, 10)
}

// loadTracking lists the sources that start with the parameter prefix, and asks for the one that is
// the parameter source.
func loadTracking(ctx context.Context, r *http.Request, b *web.Backend) (any, error) {
	values := r.URL.Query()
	data := &trackingData{Sources: []sourceData{}}
	if name := values.Get("source"); name != "" {
		var err error
		if data.Asked, err = newAskedSource(ctx, b.Events, name); err != nil {
			return nil, err
		}
	}
	err := data.list(b.Operator.TrackingSources(ctx), values.Get("prefix"))
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		data.Unlisted = "The server does not list its tracking sources: it is of another program or version."
	case errors.Is(err, dcb.ErrAuthentication):
		data.Unlisted = "The API key does not have the right to list the tracking sources."
	case err != nil:
		return nil, err
	}
	return data, nil
}

// list keeps the first sources by name. They arrive in no order.
func (d *trackingData) list(sources iter.Seq2[dcb.TrackingInfo, error], prefix string) error {
	for source, err := range sources {
		if err != nil {
			return err
		}
		if !strings.HasPrefix(source.Source, prefix) {
			continue
		}
		d.Sources = append(d.Sources, sourceData{source.Source, &source.Position})
		if len(d.Sources) == 2*maxSources {
			d.truncate()
		}
	}
	d.truncate()
	return nil
}

func (d *trackingData) truncate() {
	slices.SortFunc(d.Sources, func(a, b sourceData) int { return cmp.Compare(a.Source, b.Source) })
	if len(d.Sources) > maxSources {
		d.More += len(d.Sources) - maxSources
		d.Sources = d.Sources[:maxSources]
	}
}

func (d *trackingData) columns() []string { return []string{"source", "position"} }

func (d *trackingData) rows() iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		for _, s := range d.Sources {
			if !yield([]string{s.Source, s.Digits()}) {
				return
			}
		}
	}
}
