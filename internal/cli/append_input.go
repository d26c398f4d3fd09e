package cli

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"

	"github.com/umadb-go/umadb/dcb"
)

// errTooMuch is returned when the input exceeds the limits of one request.
var errTooMuch = errors.New("too much for one request")

// eventReader reads events to append, one per line.
type eventReader struct {
	lineReader
}

// eventLine is an event from the input.
type eventLine struct {
	event dcb.Event
	size  int // in a request, in bytes
	line  int // its line number
}

// newEventReader returns a reader of standard input, which must not be a terminal.
func newEventReader(in io.Reader) (*eventReader, error) {
	if isTerminal(in) {
		return nil, usageErrorf("there is no event: describe one with --type, or pass events on standard input, as in %q", "umadb append < events.ndjson")
	}
	return &eventReader{lineReader: lineReader{in: bufio.NewReaderSize(in, 64<<10), of: " of standard input", command: "umadb append"}}, nil
}

// next returns the next event, and io.EOF after the last one. Other errors contain the
// line number.
func (r *eventReader) next() (eventLine, error) {
	for {
		text, err := r.read()
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended {
			return eventLine{}, r.at(err)
		}
		if len(bytes.TrimSpace(text)) > 0 {
			event, size, err := parseEvent(text)
			return eventLine{event, size, r.number}, r.at(err)
		}
		if ended {
			return eventLine{}, io.EOF
		}
	}
}

// all returns all events of the input, which must fit into one request.
func (r *eventReader) all() (events []dcb.Event, err error) {
	maxEvents, maxBytes, total := requestLimits.RequestEvents, requestLimits.RequestBytes, 0
	for {
		e, err := r.next()
		total += e.size
		switch {
		case errors.Is(err, io.EOF):
			return events, nil
		case err != nil:
			return nil, err
		case len(events) == maxEvents:
			return nil, r.at(fmt.Errorf("%w, which may have %d events", errTooMuch, maxEvents))
		case total > maxBytes:
			return nil, r.at(fmt.Errorf("%w, which may have %d bytes", errTooMuch, maxBytes))
		}
		events = append(events, e.event)
	}
}

// parseEvent parses a line with an event to append, and returns the size of the event in
// a request in bytes.
func parseEvent(text []byte) (event dcb.Event, size int, err error) {
	l, err := parseLine(text)
	switch {
	case err != nil:
		return event, 0, err
	case l.End != nil:
		return event, 0, errors.New(`it is the end line of an export ("end"): use umadb import, or remove the line`)
	case l.Tracking != nil:
		return event, 0, errors.New(`it has "tracking", but a request has only one tracking position: use umadb import to keep it, or --tracking`)
	case l.Type == nil: // an empty type is valid, a missing one is probably a mistake
		return event, 0, errors.New(`it has no "type": an event must have one`)
	}
	if event, err = l.event(); err != nil {
		return event, 0, err
	}
	if l.UUID == nil {
		event.UUID = uuid.NewString()
	}
	size, err = checkEvent(&event)
	return event, size, err
}
