package httpapi

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
)

// limits are those of an append. A store may have lower ones, which it checks itself.
var limits = dcb.Limits{}.WithDefaults()

// mistake is an error in a body that is complete without its place in the JSON.
type mistake struct{ error }

func mistaken(format string, values ...any) error { return &mistake{fmt.Errorf(format, values...)} }

// appendParser parses the parts of an append when the decoder is at them, and counts them: it does
// not read a body beyond a limit, so that the memory that an append takes depends on the limits and
// on the size of its body.
type appendParser struct {
	events, tags, metadata int
	items, terms           int // of the query
}

func (p *appendParser) options() json.Options {
	return json.WithUnmarshalers(json.JoinUnmarshalers(
		json.UnmarshalFromFunc(p.event),
		json.UnmarshalFromFunc(p.item),
		json.UnmarshalFromFunc(p.names),
	))
}

// event parses an event.
func (p *appendParser) event(d *jsontext.Decoder, event *newEvent) error {
	if p.events++; p.events > limits.RequestEvents {
		return mistaken("it has more than %d events, which is the limit", limits.RequestEvents)
	}
	text, err := d.ReadValue()
	if err != nil {
		return err
	}
	if event.Event, err = ndjson.ParseEventWithin(text); err != nil {
		if errors.Is(err, ndjson.ErrTracked) {
			err = errors.New(`it has "tracking": an append has only one tracking position, which is beside "events"`)
		}
		return mistaken("event %d: %w", p.events, err)
	}
	p.tags += len(event.Tags)
	p.metadata += len(event.Metadata)
	for _, counted := range []struct {
		what        string
		have, limit int
	}{{"tags", p.tags, limits.RequestTags}, {"metadata entries", p.metadata, limits.RequestMetadata}} {
		if counted.have > counted.limit {
			return mistaken("it has more than %d %s up to event %d, which is the limit; append the events in several requests", counted.limit, counted.what, p.events)
		}
	}
	return nil
}

// item counts an item of the query, which the decoder then parses.
func (p *appendParser) item(d *jsontext.Decoder, _ *queryItem) error {
	if p.items++; p.items > limits.QueryTerms {
		return errQueryTerms()
	}
	if d.PeekKind() == 'n' {
		return mistaken("item %d of the query is null: it must be an object; {} matches every event", p.items)
	}
	return errors.ErrUnsupported // nothing was read
}

// names parses the types or tags of an item of the query.
func (p *appendParser) names(d *jsontext.Decoder, names *ndjson.Texts) error {
	return names.Read(d, func(int) error {
		if p.terms++; p.terms > limits.QueryTerms {
			return errQueryTerms()
		}
		return nil
	})
}

func errQueryTerms() error {
	return mistaken("its query has more than %d types and tags, or more than %[1]d items, which is the limit", limits.QueryTerms)
}
