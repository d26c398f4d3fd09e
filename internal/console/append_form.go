package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
	"github.com/umadb-go/umadb/internal/selection"
)

// maxAppendLines is the maximum size of the events of a form as lines of JSON, and maxAppendEvents
// their maximum number.
const (
	maxAppendLines  = 256 << 10
	maxAppendEvents = 1000
)

// appendForm is the form of appendPage as it was filled in.
type appendForm struct {
	// AsLines is set if the events are in Lines, and not one in the other fields.
	AsLines bool
	Lines   string
	Type    string
	Tags    []string
	Text    bool // Data is text, and not JSON
	Data    string
	// Metadata has a key and a value in each line, separated by "=".
	Metadata string
	UUID     string
	// Items and After are the condition. Query has the fields for the items.
	Items []string
	Query queryForm
	After string
	// From is the head when the events were checked.
	From string
}

// newAppendForm returns the form that values describe: those of a submitted form or of a URL.
func newAppendForm(values url.Values) *appendForm {
	text := func(name string) string { return strings.ReplaceAll(values.Get(name), "\r\n", "\n") }
	given := func(name string) []string {
		return slices.DeleteFunc(slices.Clone(values[name]), isBlank)
	}
	f := &appendForm{
		AsLines:  values.Get("as") == "lines",
		Lines:    text("lines"),
		Type:     values.Get("type"),
		Tags:     given("tag"),
		Text:     values.Get("format") == "text",
		Data:     text("data"),
		Metadata: text("metadata"),
		UUID:     strings.TrimSpace(values.Get("uuid")),
		Items:    given("item"),
		After:    strings.TrimSpace(values.Get("after")),
		From:     values.Get("from"),
	}
	for _, item := range furtherItems(values) {
		if item = withoutBlanks(item); !isEmpty(item) {
			f.Items = append(f.Items, selection.FormatItem(item))
		}
	}
	f.Query = newConditionForm(f.Items, values.Get("add") != "")
	return f
}

// withoutBlanks returns an item without the names of fields that look empty. A condition with such a name would match
// nothing.
func withoutBlanks(item dcb.QueryItem) dcb.QueryItem {
	return dcb.QueryItem{Types: slices.DeleteFunc(item.Types, isBlank), Tags: slices.DeleteFunc(item.Tags, isBlank)}
}

// newConditionForm returns the fields for the items of a condition. Those that cannot be parsed remain in it as they are,
// since without them the condition would be another one.
func newConditionForm(items []string, add bool) queryForm {
	var query dcb.Query
	wrong := map[int]string{}
	for n, text := range items {
		item, err := selection.ParseItem(text)
		if err != nil { // which request returns
			wrong[n] = text
		}
		query.Items = append(query.Items, item)
	}
	form := newQueryForm(query, add)
	for n, text := range wrong {
		form.Items[n].Fixed = text
	}
	form.number(2) // the fields of the event have no number
	return form
}

// appendRequest is what a form asks for. Each event has a UUID of its own.
type appendRequest struct {
	events    []dcb.Event
	condition *dcb.AppendCondition // nil for none
	from      uint64
	hasUUID   bool // the first event has one of the user
}

// request parses and validates the form.
func (f *appendForm) request() (*appendRequest, error) {
	r := new(appendRequest)
	var err error
	if f.AsLines {
		r.events, err = f.parseLines()
	} else {
		r.events, err = f.parseEvent()
	}
	if err != nil {
		return nil, err
	}
	r.hasUUID = len(r.events) > 0 && r.events[0].UUID != ""
	if err := setUUIDs(r.events); err != nil {
		return nil, err
	}
	if size := len(encodeLines(r.events)); size > maxAppendLines {
		return nil, fmt.Errorf("the events have %s as lines of JSON, and this page appends at most %s: use umadb append", byteSize(uint64(size)), byteSize(maxAppendLines))
	}
	if r.condition, err = f.condition(); err != nil {
		return nil, err
	}
	if f.From != "" {
		if r.from, err = strconv.ParseUint(f.From, 10, 64); err != nil {
			return nil, fmt.Errorf("%q is not the position of a check: check the events again", f.From)
		}
	}
	return r, nil
}

// parseLines returns the events of the lines.
func (f *appendForm) parseLines() (events []dcb.Event, err error) {
	in := ndjson.EventReader{Reader: ndjson.NewReader(strings.NewReader(f.Lines), "", "umadb append")}
	for {
		event, err := in.Next()
		switch {
		case errors.Is(err, io.EOF) && len(events) == 0:
			return nil, errors.New("there are no events: write one JSON object in each line")
		case errors.Is(err, io.EOF):
			return events, nil
		case err != nil:
			return nil, err
		case len(events) == maxAppendEvents:
			return nil, fmt.Errorf("there are more than %d events: use umadb append", maxAppendEvents)
		}
		events = append(events, event.Event)
	}
}

// parseEvent returns the event of the fields.
func (f *appendForm) parseEvent() ([]dcb.Event, error) {
	event := dcb.Event{Type: f.Type, Tags: f.Tags, UUID: f.UUID}
	if event.Type == "" {
		return nil, errors.New("the event has no type")
	}
	switch {
	case f.Text:
		event.Data = []byte(f.Data)
	case strings.TrimSpace(f.Data) != "":
		var valid json.RawMessage
		if err := json.Unmarshal([]byte(f.Data), &valid); err != nil { // json.Compact does not return where the error is
			return nil, fmt.Errorf("the data is not JSON: %s; correct it, or choose text", explainJSON(f.Data, err))
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, valid); err != nil {
			return nil, err
		}
		event.Data = compact.Bytes()
	}
	for n, line := range strings.Split(f.Metadata, "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		key, value, found := strings.Cut(line, "=")
		if !found {
			return nil, fmt.Errorf("line %d of the metadata has no =: write key=value", n+1)
		}
		event.Metadata = append(event.Metadata, dcb.Metadata{Key: strings.TrimSpace(key), Value: strings.TrimSpace(value)})
	}
	if _, err := ndjson.CheckEvent(&event); err != nil {
		return nil, err
	}
	return []dcb.Event{event}, nil
}

// explainJSON returns where in a text an error of JSON is.
func explainJSON(text string, err error) string {
	syntax := (*json.SyntaxError)(nil)
	if !errors.As(err, &syntax) {
		return err.Error()
	}
	before := text[:min(max(syntax.Offset-1, 0), int64(len(text)))]
	line := strings.Count(before, "\n") + 1
	column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
	return fmt.Sprintf("line %d, column %d: %v", line, column, err)
}

// setUUIDs sets the UUIDs of the events that have none, and rejects a UUID of two events.
func setUUIDs(events []dcb.Event) error {
	numbers := map[string]int{}
	for i := range events {
		e := &events[i]
		if e.UUID == "" {
			e.UUID = uuid.NewString()
		}
		parsed, err := uuid.Parse(e.UUID)
		if err != nil {
			return fmt.Errorf("event %d: %q is not a UUID", i+1, e.UUID)
		}
		e.UUID = parsed.String() // as it will be stored
		if other, found := numbers[e.UUID]; found {
			return fmt.Errorf("events %d and %d have the same UUID, %s", other, i+1, e.UUID)
		}
		numbers[e.UUID] = i + 1
	}
	return nil
}

// condition returns the condition, or nil if neither an item nor a position is given.
func (f *appendForm) condition() (*dcb.AppendCondition, error) {
	if len(f.Items) == 0 && f.After == "" {
		return nil, nil
	}
	c := new(dcb.AppendCondition)
	for i, text := range f.Items {
		item, err := selection.ParseItem(text)
		if err != nil {
			return nil, fmt.Errorf("item %d of the condition: %w", i+1, err)
		}
		c.FailIfEventsMatch.Items = append(c.FailIfEventsMatch.Items, item)
	}
	if f.After != "" {
		var err error
		if c.After, err = strconv.ParseUint(f.After, 10, 64); err != nil {
			return nil, fmt.Errorf("the condition: %q is not a position", f.After)
		}
	}
	return c, nil
}

// encodeLines returns events to append as lines of JSON.
func encodeLines(events []dcb.Event) string {
	var lines []byte
	for i := range events {
		lines = ndjson.AppendNew(lines, &events[i])
	}
	return string(lines)
}
