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
	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// requestLimits are those of a store whose options say nothing else.
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

// eventFlagNames are the flags that mean nothing without --type.
var eventFlagNames = []string{"tag", "data", "data-file", "uuid", "metadata"}

func (e *eventFlags) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&e.kind, "type", "", "`name` of the event's type; without it, events are read from standard input")
	flags.StringArrayVar(&e.tags, "tag", nil, "`tag` of the event; repeated for more")
	flags.StringVar(&e.data, "data", "", "`text` that is the event's data")
	flags.StringVar(&e.dataFile, "data-file", "", "`file` whose content is the event's data")
	flags.StringVar(&e.uuid, "uuid", "", "`UUID` of the event; a random one if not given, none if empty")
	flags.StringArrayVar(&e.metadata, "metadata", nil, "`key=value` to go with the event; repeated for more")
	perCall(flags, append([]string{"type"}, eventFlagNames...)...)
}

// validate refuses what describes no event.
func (e *eventFlags) validate(flags *pflag.FlagSet) error {
	for _, name := range eventFlagNames {
		if flags.Changed(name) && !flags.Changed("type") {
			return usageErrorf("--%s is given without --type: name the event's type, or give events on standard input only", name)
		}
	}
	if flags.Changed("data") && flags.Changed("data-file") {
		return usageErrorf("--data and --data-file are both given: an event has one piece of data")
	}
	for _, pair := range e.metadata {
		if !strings.Contains(pair, "=") {
			return usageErrorf("--metadata %q has no =: write key=value", pair)
		}
	}
	return nil
}

// event gives the event that the flags describe.
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
	if _, err := checkEvent(&event); err != nil {
		return event, usageErrorf("the event cannot be appended: %w", err)
	}
	return event, nil
}

// readDataFile reads a file that fits into an event.
func readDataFile(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("the data cannot be read: %w", err)
	}
	defer file.Close()
	most := requestLimits.EventBytes
	data, err := io.ReadAll(io.LimitReader(file, int64(most)+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the data cannot be read: %w", err)
	case len(data) > most:
		return nil, fmt.Errorf("%s is larger than an event may be, which is %d bytes: keep it elsewhere, and its name in the event", name, most)
	}
	return data, nil
}

// checkEvent tells what a store would find wrong with an event, and how many
// bytes of a request it takes.
func checkEvent(event *dcb.Event) (size int, err error) {
	request, err := encoding.NewAppend([]dcb.Event{*event}, nil, nil, &requestLimits)
	var refused *dcb.Error
	if errors.As(err, &refused) {
		// The number within the request that was made for it helps nobody.
		return 0, errors.New(strings.TrimPrefix(refused.Detail, "event 1: "))
	}
	if err != nil {
		return 0, err
	}
	return len(request.Events), nil
}

// sourceAt is a flag that names a source and a position in it.
type sourceAt struct{ info *dcb.TrackingInfo }

// Set reads what is written as web=300. The name may have a = in it.
func (s *sourceAt) Set(text string) error {
	cut := strings.LastIndexByte(text, '=')
	if cut < 0 {
		return errors.New("it has no =: write source=position, such as web=300")
	}
	position, err := strconv.ParseUint(text[cut+1:], 10, 64)
	if err != nil {
		return fmt.Errorf("%q is no position: write source=position, such as web=300", text[cut+1:])
	}
	info := &dcb.TrackingInfo{Source: text[:cut], Position: position}
	if err := encoding.CheckSource(info.Source); err != nil {
		return err
	}
	s.info = info
	return nil
}

// String shows that there is no default.
func (s *sourceAt) String() string { return "" }

// Type names the value in the help.
func (s *sourceAt) Type() string { return "source=position" }
