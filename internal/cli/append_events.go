package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
)

// requestLimits are the limits of a store with default options.
var requestLimits = dcb.Limits{}.WithDefaults()

// eventFlags describe one event.
type eventFlags struct {
	kind     string
	tags     []string
	data     string
	dataFile string
	uuid     string
	metadata []string
}

// eventFlagNames are the flags that require --type.
var eventFlagNames = []string{"tag", "data", "data-file", "uuid", "metadata"}

func (e *eventFlags) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&e.kind, "type", "", "`name` of the event type; without it, read events from standard input")
	flags.StringArrayVar(&e.tags, "tag", nil, "`tag` of the event; repeat for more")
	flags.StringVar(&e.data, "data", "", "`text` to use as the event's data")
	flags.StringVar(&e.dataFile, "data-file", "", "`file` to read the event's data from")
	flags.StringVar(&e.uuid, "uuid", "", "`UUID` of the event; random by default, none if empty")
	flags.StringArrayVar(&e.metadata, "metadata", nil, "`key=value` metadata of the event; repeat for more")
	perCall(flags, append([]string{"type"}, eventFlagNames...)...)
}

// validate rejects flags that do not describe an event.
func (e *eventFlags) validate(flags *pflag.FlagSet) error {
	for _, name := range eventFlagNames {
		if flags.Changed(name) && !flags.Changed("type") {
			return usageErrorf("--%s requires --type: set the event type, or pass events on standard input only", name)
		}
	}
	if flags.Changed("data") && flags.Changed("data-file") {
		return usageErrorf("--data and --data-file are both given: use only one")
	}
	for _, pair := range e.metadata {
		if !strings.Contains(pair, "=") {
			return usageErrorf("--metadata %q has no =: write key=value", pair)
		}
	}
	return nil
}

// event returns the event that the flags describe.
func (e *eventFlags) event(flags *pflag.FlagSet) (dcb.Event, error) {
	event := dcb.Event{Type: e.kind, Tags: e.tags, Data: []byte(e.data), UUID: e.uuid}
	if !flags.Changed("uuid") {
		event.UUID = uuid.NewString()
	}
	for _, pair := range e.metadata {
		key, value, _ := strings.Cut(pair, "=")
		event.Metadata = append(event.Metadata, dcb.Metadata{Key: key, Value: value})
	}
	if flags.Changed("data-file") {
		data, err := readDataFile(e.dataFile)
		if err != nil {
			return event, err
		}
		event.Data = data
	}
	if _, err := ndjson.CheckEvent(&event); err != nil {
		return event, usageErrorf("cannot append the event: %w", err)
	}
	return event, nil
}

// readDataFile reads a file of at most the maximum size of an event.
func readDataFile(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read the event's data: %w", err)
	}
	defer file.Close()
	limit := requestLimits.EventBytes
	data, err := io.ReadAll(io.LimitReader(file, int64(limit)+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot read the event's data: %w", err)
	case len(data) > limit:
		return nil, fmt.Errorf("%s exceeds the maximum event size of %d bytes: store the data elsewhere and a reference to it in the event", name, limit)
	}
	return data, nil
}

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
