package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
	"github.com/umadb-go/umadb/internal/record"
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

// trackingFlag is a flag that sets a tracking source and a position in it.
type trackingFlag struct{ info *dcb.TrackingInfo }

// Set parses source=position. The name of the source may contain "=".
func (s *trackingFlag) Set(text string) error {
	cut := strings.LastIndexByte(text, '=')
	if cut < 0 {
		return errors.New("it has no =: write source=position, as in web=300")
	}
	position, err := strconv.ParseUint(text[cut+1:], 10, 64)
	if err != nil {
		return fmt.Errorf("%q is not a position: write source=position, as in web=300", text[cut+1:])
	}
	info := &dcb.TrackingInfo{Source: text[:cut], Position: position}
	if err := record.CheckSource(info.Source); err != nil {
		return err
	}
	s.info = info
	return nil
}

// String returns "": there is no default.
func (s *trackingFlag) String() string { return "" }

// Type returns the placeholder of the value in the help.
func (s *trackingFlag) Type() string { return "source=position" }
