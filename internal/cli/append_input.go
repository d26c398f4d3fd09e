package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
)

// errTooMuch is returned when the input exceeds the limits of one request.
var errTooMuch = errors.New("too much for one request")

// eventReader reads the events to append from standard input.
type eventReader struct{ ndjson.EventReader }

// newEventReader returns a reader of standard input, which must not be a terminal.
func newEventReader(in io.Reader) (*eventReader, error) {
	if isTerminal(in) {
		return nil, usageErrorf("there is no event: describe one with --type, or pass events on standard input, as in %q", "umadb append < events.ndjson")
	}
	return &eventReader{ndjson.EventReader{Reader: ndjson.NewReader(in, " of standard input", "umadb append")}}, nil
}

// all returns all events of the input, which must fit into one request.
func (r *eventReader) all() (events []dcb.Event, err error) {
	maxEvents, maxBytes, total := requestLimits.RequestEvents, requestLimits.RequestBytes, 0
	for {
		e, err := r.Next()
		total += e.Size
		switch {
		case errors.Is(err, io.EOF):
			return events, nil
		case err != nil:
			return nil, err
		case len(events) == maxEvents:
			return nil, r.At(fmt.Errorf("%w, which may have %d events", errTooMuch, maxEvents))
		case total > maxBytes:
			return nil, r.At(fmt.Errorf("%w, which may have %d bytes", errTooMuch, maxBytes))
		}
		events = append(events, e.Event)
	}
}
