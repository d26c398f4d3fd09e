package ndjson

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/umadb-go/umadb/dcb"
)

// line is a parsed line: an event, a tracking-only record, or the end of an export. A field
// is nil if the line does not have it.
type line struct {
	Position   *uint64        `json:"position"`
	RecordedAt moment         `json:"recorded_at"` // zero if the line does not have it
	Type       *string        `json:"type"`
	Tags       Texts          `json:"tags"`
	UUID       *string        `json:"uuid"`
	Metadata   metadata       `json:"metadata"`
	Tracking   *tracking      `json:"tracking"`
	Data       jsontext.Value `json:"data"`
	DataBase64 *string        `json:"data_base64"`
	End        *End           `json:"end"`
}

// tracking is dcb.TrackingInfo as JSON.
type tracking struct {
	Source   *string `json:"source"`
	Position *uint64 `json:"position"`
}

var (
	errNotTime    = errors.New("must be a time such as 2026-11-26T14:00:00Z")
	errNoTime     = errors.New("must be between 1970 and 2262")
	errNotString  = errors.New("must be a string")
	errNotStrings = errors.New("must be a list of strings")
	errNotObject  = errors.New("must be an object of strings")
)

// moment is a time in the form of RFC 3339.
type moment struct{ time.Time }

// The recorded times of a store are after firstTime, and not after lastTime.
var (
	firstTime = time.Unix(0, 0)
	lastTime  = time.Unix(0, math.MaxInt64)
)

// UnmarshalJSONFrom reads a time. null is the zero time.
func (m *moment) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if d.PeekKind() == 'n' {
		_, err := d.ReadToken()
		return err
	}
	text, err := readText(d, errNotTime)
	if err != nil {
		return err
	}
	if m.UnmarshalText([]byte(text)) != nil {
		return errNotTime
	}
	if !m.After(firstTime) || m.After(lastTime) {
		return errNoTime
	}
	m.Time = m.UTC()
	return nil
}

// Texts is a JSON list of strings. A plain []string would accept null as an element.
type Texts []string

// UnmarshalJSONFrom reads a list of strings. null is an empty list.
func (t *Texts) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	return t.Read(d, func(int) error { return nil })
}

// Read is UnmarshalJSONFrom with a limit: check is called with the number of strings before each is
// added, and its error is returned.
func (t *Texts) Read(d *jsontext.Decoder, check func(n int) error) error {
	token, err := d.ReadToken()
	if err != nil || token.Kind() == 'n' {
		return err
	}
	if token.Kind() != '[' {
		return errNotStrings
	}
	*t = Texts{}
	for d.PeekKind() != ']' {
		text, err := readText(d, errNotStrings)
		if err != nil {
			return err
		}
		if err := check(len(*t) + 1); err != nil {
			return err
		}
		*t = append(*t, text)
	}
	_, err = d.ReadToken()
	return err
}

// metadata is a JSON object that keeps the order of its members.
type metadata []dcb.Metadata

// UnmarshalJSONFrom reads an object of strings. null is an empty object.
func (m *metadata) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	return m.read(d, math.MaxInt)
}

// read is UnmarshalJSONFrom for up to most members.
func (m *metadata) read(d *jsontext.Decoder, most int) error {
	token, err := d.ReadToken()
	if err != nil || token.Kind() == 'n' {
		return err
	}
	if token.Kind() != '{' {
		return errNotObject
	}
	for d.PeekKind() != '}' {
		key, err := readText(d, errNotObject)
		if err != nil {
			return err
		}
		value, err := readText(d, errNotString)
		if err != nil {
			return err
		}
		if len(*m) == most {
			return fmt.Errorf("has more than %d entries, which is the limit", most)
		}
		*m = append(*m, dcb.Metadata{Key: key, Value: value})
	}
	_, err = d.ReadToken()
	return err
}

// readText reads a string. mismatch is the error if the value is not a string.
func readText(d *jsontext.Decoder, mismatch error) (string, error) {
	if kind := d.PeekKind(); kind != '"' && kind != 0 { // 0 is an error, which ReadToken returns
		return "", mismatch
	}
	token, err := d.ReadToken()
	return token.String(), err
}

// parseLine parses a line: an event, a tracking-only record or an end. The result does not
// refer to text.
func parseLine(text []byte, options ...json.Options) (*line, error) {
	var l line
	if err := Unmarshal(text, &l, options...); err != nil {
		return nil, err
	}
	if l.Data != nil && l.DataBase64 != nil {
		return nil, errors.New("it has both data and data_base64")
	}
	if t := l.Tracking; t != nil && (t.Source == nil || t.Position == nil) {
		return nil, errors.New("its tracking must have a source and a position")
	}
	return &l, nil
}

// isTracking reports whether the line is a tracking-only record.
func (l *line) isTracking() bool { return l.Tracking != nil && !l.hasEvent() }

// hasEvent reports whether the line has any field of an event.
func (l *line) hasEvent() bool {
	return l.Position != nil || !l.RecordedAt.IsZero() || l.Type != nil || l.Tags != nil || l.UUID != nil || l.Metadata != nil || l.Data != nil || l.DataBase64 != nil
}

// trackingInfo returns the tracking of the line, or nil.
func (l *line) trackingInfo() *dcb.TrackingInfo {
	if l.Tracking == nil {
		return nil
	}
	return &dcb.TrackingInfo{Source: *l.Tracking.Source, Position: *l.Tracking.Position}
}

// event returns the event of the line.
func (l *line) event() (dcb.Event, error) {
	data, err := l.data()
	event := dcb.Event{Tags: l.Tags, Metadata: l.Metadata, Data: data}
	if l.Type != nil {
		event.Type = *l.Type
	}
	if l.UUID != nil {
		event.UUID = *l.UUID
	}
	return event, err
}

// data returns the data of the event: the text of a string, or the bytes of any other JSON
// value.
func (l *line) data() ([]byte, error) {
	switch {
	case l.DataBase64 != nil:
		data, err := base64.StdEncoding.DecodeString(*l.DataBase64)
		if err != nil {
			return nil, fmt.Errorf("data_base64 is not valid base64: %w", err)
		}
		return data, nil
	case l.Data == nil || l.Data.Kind() == 'n':
		return nil, nil
	case l.Data.Kind() == '"':
		return jsontext.AppendUnquote(nil, l.Data)
	}
	return bytes.TrimSpace(l.Data), nil
}
