package cli

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/google/uuid"

	"github.com/umadb-go/umadb/dcb"
)

// longestInput bounds a line of standard input. The largest event has room, with
// each of its bytes escaped.
const longestInput = 32 << 20

// errTooMuch is returned when there is more than one request may hold.
var errTooMuch = errors.New("that is more than one request may hold")

// eventReader reads events to be appended, a line each.
type eventReader struct {
	lines  *bufio.Scanner
	number int // of the line last read, from 1
}

// newEventReader reads from standard input, unless nobody has put anything there.
func newEventReader(in io.Reader) (*eventReader, error) {
	if file, ok := in.(*os.File); ok && isTerminal(file) {
		return nil, usageErrorf("there is no event: give one with --type, or many on standard input, as in %q", "umadb append < events.ndjson")
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), longestInput)
	return &eventReader{lines: lines}, nil
}

// gather reads events until there are most of them, or no more. An error tells
// the line.
func (r *eventReader) gather(most int) (events []dcb.Event, err error) {
	total := 0
	for len(events) < most && r.lines.Scan() {
		r.number++
		text := r.lines.Bytes()
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		event, size, err := parseAppended(text)
		if err == nil && total+size > requestLimits.RequestBytes {
			err = fmt.Errorf("%w, which are %d bytes", errTooMuch, requestLimits.RequestBytes)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d of standard input: %w", r.number, err)
		}
		total += size
		events = append(events, event)
	}
	switch err := r.lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, fmt.Errorf("line %d of standard input: it is longer than %d bytes, and too large for an event", r.number+1, longestInput)
	case err != nil:
		return nil, fmt.Errorf("standard input cannot be read behind line %d: %w", r.number, err)
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
	case l.Type == "" && !bytes.Contains(text, []byte(`"type"`)):
		// An empty type is legal, none at all is more likely a mistake.
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
