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
type eventReader struct{ lineReader }

// newEventReader reads from standard input, unless nobody has put anything there.
func newEventReader(in io.Reader) (*eventReader, error) {
	if isTerminal(in) {
		return nil, usageErrorf("there is no event: give one with --type, or many on standard input, as in %q", "umadb append < events.ndjson")
	}
	return &eventReader{lineReader{in: bufio.NewReaderSize(in, 64<<10), of: " of standard input"}}, nil
}

// gather reads events until there are most of them, or no more. An error tells
// the line.
func (r *eventReader) gather(most int) (events []dcb.Event, err error) {
	total := 0
	for len(events) < most {
		text, err := r.read()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, r.at(err)
		}
		if len(bytes.TrimSpace(text)) > 0 {
			event, size, err := parseAppended(text)
			if err == nil && total+size > requestLimits.RequestBytes {
				err = fmt.Errorf("%w, which are %d bytes", errTooMuch, requestLimits.RequestBytes)
			}
			if err != nil {
				return nil, r.at(err)
			}
			total += size
			events = append(events, event)
		}
		if err != nil {
			break
		}
	}
	return events, nil
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
