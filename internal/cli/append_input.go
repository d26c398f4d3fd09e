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

// errTooMuch is returned when there is more than one request may hold.
var errTooMuch = errors.New("that is more than one request may hold")

// eventReader reads events to be appended, a line each.
type eventReader struct {
	lineReader
}

// eventLine is an event that was read.
type eventLine struct {
	event dcb.Event
	size  int // in a request
	line  int // that it is on
}

// newEventReader reads from standard input, unless nobody has put anything there.
func newEventReader(in io.Reader) (*eventReader, error) {
	if isTerminal(in) {
		return nil, usageErrorf("there is no event: give one with --type, or many on standard input, as in %q", "umadb append < events.ndjson")
	}
	return &eventReader{lineReader: lineReader{in: bufio.NewReaderSize(in, 64<<10), of: " of standard input", command: "umadb append"}}, nil
}

// next gives the next event, and io.EOF behind the last one. Another error tells
// the line.
func (r *eventReader) next() (eventLine, error) {
	for {
		text, err := r.read()
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended {
			return eventLine{}, r.at(err)
		}
		if len(bytes.TrimSpace(text)) > 0 {
			event, size, err := parseAppended(text)
			return eventLine{event, size, r.number}, r.at(err)
		}
		if ended {
			return eventLine{}, io.EOF
		}
	}
}

// all gives the events of one request, to the last.
func (r *eventReader) all() (events []dcb.Event, err error) {
	most, mostBytes, total := requestLimits.RequestEvents, requestLimits.RequestBytes, 0
	for {
		e, err := r.next()
		total += e.size
		switch {
		case errors.Is(err, io.EOF):
			return events, nil
		case err != nil:
			return nil, err
		case len(events) == most:
			return nil, r.at(fmt.Errorf("%w, which are %d events", errTooMuch, most))
		case total > mostBytes:
			return nil, r.at(fmt.Errorf("%w, which are %d bytes", errTooMuch, mostBytes))
		}
		events = append(events, e.event)
	}
}

// parseAppended reads a line with an event, and gives the bytes that it takes in
// a request.
func parseAppended(text []byte) (event dcb.Event, size int, err error) {
	l, err := parseLine(text)
	switch {
	case err != nil:
		return event, 0, err
	case l.End != nil:
		return event, 0, errors.New(`it is the end of an export ("end"): use umadb import, or leave out the line`)
	case l.Tracking != nil:
		return event, 0, errors.New(`it has "tracking", which is one for the whole request: use umadb import to keep it, or --tracking`)
	case l.Type == nil: // an empty one is legal, none at all is more likely a mistake
		return event, 0, errors.New(`it has no "type": an event needs one`)
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
