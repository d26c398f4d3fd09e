package ndjson

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
)

// Event is an event to append, from a line.
type Event struct {
	dcb.Event
	Size int // in a request, in bytes
	Line int // its line number
}

// EventReader reads events to append, one per line. It skips empty lines.
type EventReader struct{ *Reader }

// Next returns the next event, and io.EOF after the last one. Other errors contain the
// line number.
func (r EventReader) Next() (Event, error) {
	for {
		text, err := r.ReadLine()
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended {
			return Event{}, r.At(err)
		}
		if len(bytes.TrimSpace(text)) > 0 {
			event, size, err := parseEvent(text)
			return Event{event, size, r.number}, r.At(err)
		}
		if ended {
			return Event{}, io.EOF
		}
	}
}

// parseEvent parses a line with an event to append, and returns the size of the event in
// a request in bytes.
func parseEvent(text []byte) (event dcb.Event, size int, err error) {
	if event, err = ParseEvent(text); err != nil {
		return event, 0, err
	}
	size, err = CheckEvent(&event)
	return event, size, err
}

// ErrTracked is returned by ParseEvent for an event with tracking.
var ErrTracked = errors.New(`it has "tracking", but a request has only one tracking position: use umadb import to keep it, or --tracking`)

// ParseEvent parses a line with an event to append. The event may exceed the limits of a store.
func ParseEvent(text []byte) (event dcb.Event, err error) { return newEvent(parseLine(text)) }

// ParseEventWithin is ParseEvent for an event that does not exceed the numbers of tags and of metadata
// entries that a store with default options permits. It does not parse what exceeds them.
func ParseEventWithin(text []byte) (event dcb.Event, err error) {
	return newEvent(parseLine(text, withinLimits))
}

// withinLimits are the options of ParseEventWithin.
var withinLimits = json.WithUnmarshalers(json.JoinUnmarshalers(
	json.UnmarshalFromFunc(func(d *jsontext.Decoder, tags *Texts) error {
		return tags.Read(d, func(n int) error {
			if n > requestLimits.EventTags {
				return fmt.Errorf("has more than %d elements, which is the limit", requestLimits.EventTags)
			}
			return nil
		})
	}),
	json.UnmarshalFromFunc(func(d *jsontext.Decoder, m *metadata) error { return m.read(d, requestLimits.RequestMetadata) }),
))

// newEvent returns the event to append of a parsed line.
func newEvent(l *line, err error) (event dcb.Event, _ error) {
	switch {
	case err != nil:
		return event, err
	case l.End != nil:
		return event, errors.New(`it is the end line of an export ("end"): use umadb import, or remove the line`)
	case l.Tracking != nil:
		return event, ErrTracked
	case l.Type == nil: // an empty type is valid, a missing one is probably a mistake
		return event, errors.New(`it has no "type": an event must have one`)
	}
	if event, err = l.event(); err != nil {
		return event, err
	}
	if l.UUID == nil {
		event.UUID = uuid.NewString()
	}
	return event, nil
}

// requestLimits are the limits of a store with default options.
var requestLimits = dcb.Limits{}.WithDefaults()

// CheckEvent validates an event to append as a store with default options does, and returns
// its size in a request in bytes.
func CheckEvent(event *dcb.Event) (size int, err error) {
	request, err := record.NewAppend([]dcb.Event{*event}, nil, nil, &requestLimits)
	var refused *dcb.Error
	if errors.As(err, &refused) {
		// The event is the only one of the request, so its number is not useful.
		return 0, errors.New(strings.TrimPrefix(refused.Detail, "event 1: "))
	}
	if err != nil {
		return 0, err
	}
	return len(request.Events), nil
}
