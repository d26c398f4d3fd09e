package cli

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/umadb-go/umadb/dcb"
)

// line is one line of NDJSON: an event, tracking that sits on no event, or the
// end of an export. docs/ndjson.md describes it.
type line struct {
	Position   *uint64        `json:"position"`
	Type       *string        `json:"type"`
	Tags       texts          `json:"tags"`
	UUID       *string        `json:"uuid"`
	Metadata   metadata       `json:"metadata"`
	Tracking   *tracking      `json:"tracking"`
	Data       jsontext.Value `json:"data"`
	DataBase64 *string        `json:"data_base64"`
	End        *end           `json:"end"`
}

// tracking is dcb.TrackingInfo as JSON.
type tracking struct {
	Source   *string `json:"source"`
	Position *uint64 `json:"position"`
}

// end is what the last line of an export says: without it, the export is cut
// short.
type end struct {
	Head   uint64  `json:"head"`
	CRC32C *string `json:"crc32c"` // of all lines before, as checksum gives it
}

var (
	errNoText     = errors.New("must be a string")
	errNoTexts    = errors.New("must be a list of strings")
	errNoMetadata = errors.New("must be an object of strings")
)

// texts is a JSON list of strings. A plain []string would take null for an empty one.
type texts []string

// UnmarshalJSONFrom reads a list of strings, or null for none.
func (t *texts) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	token, err := d.ReadToken()
	if err != nil || token.Kind() == 'n' {
		return err
	}
	if token.Kind() != '[' {
		return errNoTexts
	}
	*t = texts{}
	for d.PeekKind() != ']' {
		text, err := readText(d, errNoTexts)
		if err != nil {
			return err
		}
		*t = append(*t, text)
	}
	_, err = d.ReadToken()
	return err
}

// metadata is a JSON object whose order is kept.
type metadata []dcb.Metadata

// UnmarshalJSONFrom reads an object of strings, or null for none.
func (m *metadata) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	token, err := d.ReadToken()
	if err != nil || token.Kind() == 'n' {
		return err
	}
	if token.Kind() != '{' {
		return errNoMetadata
	}
	for d.PeekKind() != '}' {
		key, err := readText(d, errNoMetadata)
		if err != nil {
			return err
		}
		value, err := readText(d, errNoText)
		if err != nil {
			return err
		}
		*m = append(*m, dcb.Metadata{Key: key, Value: value})
	}
	_, err = d.ReadToken()
	return err
}

// readText reads a string; other is the error if it is something else.
func readText(d *jsontext.Decoder, other error) (string, error) {
	if kind := d.PeekKind(); kind != '"' && kind != 0 { // 0 is for reading to explain
		return "", other
	}
	token, err := d.ReadToken()
	return token.String(), err
}

// parseLine reads a line, which may be an event, tracking or an end. It keeps
// none of its bytes.
func parseLine(text []byte) (*line, error) {
	var l line
	err := json.Unmarshal(text, &l, json.RejectUnknownMembers(true))
	if err != nil {
		return nil, explainJSON(err)
	}
	if l.Data != nil && l.DataBase64 != nil {
		return nil, errors.New("it has both data and data_base64")
	}
	if t := l.Tracking; t != nil && (t.Source == nil || t.Position == nil) {
		return nil, errors.New("its tracking needs a source and a position")
	}
	return &l, nil
}

// isTracking tells whether the line is nothing but tracking.
func (l *line) isTracking() bool { return l.Tracking != nil && !l.hasEvent() }

// hasEvent tells whether the line has any part of an event.
func (l *line) hasEvent() bool {
	return l.Position != nil || l.Type != nil || l.Tags != nil || l.UUID != nil || l.Metadata != nil || l.Data != nil || l.DataBase64 != nil
}

// trackingInfo gives the line's tracking, or nil.
func (l *line) trackingInfo() *dcb.TrackingInfo {
	if l.Tracking == nil {
		return nil
	}
	return &dcb.TrackingInfo{Source: *l.Tracking.Source, Position: *l.Tracking.Position}
}

// event gives the line's event.
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

// data gives the bytes that the line stands for. A string is its text; any other
// JSON value is itself, byte for byte.
func (l *line) data() ([]byte, error) {
	switch {
	case l.DataBase64 != nil:
		data, err := base64.StdEncoding.DecodeString(*l.DataBase64)
		if err != nil {
			return nil, fmt.Errorf("data_base64 is no base64: %w", err)
		}
		return data, nil
	case l.Data == nil || l.Data.Kind() == 'n':
		return nil, nil
	case l.Data.Kind() == '"':
		return jsontext.AppendUnquote(nil, l.Data)
	}
	return bytes.TrimSpace(l.Data), nil
}

// appendEventLine writes a stored event as a line, with the newline.
func appendEventLine(dst []byte, e *dcb.SequencedEvent) []byte {
	dst = strconv.AppendUint(append(dst, `{"position":`...), e.Position, 10)
	dst = appendString(append(dst, `,"type":`...), e.Event.Type)
	if len(e.Event.Tags) > 0 {
		dst = append(dst, `,"tags":[`...)
		for i, tag := range e.Event.Tags {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendString(dst, tag)
		}
		dst = append(dst, ']')
	}
	if e.Event.UUID != "" {
		dst = appendString(append(dst, `,"uuid":`...), e.Event.UUID)
	}
	for i, m := range e.Event.Metadata {
		opening := `,"metadata":{`
		if i > 0 {
			opening = `,`
		}
		dst = append(appendString(append(dst, opening...), m.Key), ':')
		dst = appendString(dst, m.Value)
	}
	if len(e.Event.Metadata) > 0 {
		dst = append(dst, '}')
	}
	if e.Tracking != nil {
		dst = appendTracking(append(dst, ','), e.Tracking)
	}
	dst = appendData(dst, e.Event.Data)
	return append(dst, '}', '\n')
}

// appendTrackingLine writes tracking that sits on no event.
func appendTrackingLine(dst []byte, info *dcb.TrackingInfo) []byte {
	dst = appendTracking(append(dst, '{'), info)
	return append(dst, '}', '\n')
}

// appendEndLine writes the last line of an export.
func appendEndLine(dst []byte, head uint64, before checksum) []byte {
	dst = strconv.AppendUint(append(dst, `{"end":{"head":`...), head, 10)
	dst = append(append(dst, `,"crc32c":"`...), before.String()...)
	return append(dst, "\"}}\n"...)
}

func appendTracking(dst []byte, info *dcb.TrackingInfo) []byte {
	dst = appendString(append(dst, `"tracking":{"source":`...), info.Source)
	dst = strconv.AppendUint(append(dst, `,"position":`...), info.Position, 10)
	return append(dst, '}')
}

// appendData writes data so that it comes back byte for byte: JSON that can stand
// in a line as such, other UTF-8 as a string, anything else in base64.
func appendData(dst, data []byte) []byte {
	switch {
	case len(data) == 0:
		return dst
	case isJSON(data):
		return append(append(dst, `,"data":`...), data...)
	case utf8.Valid(data):
		return appendString(append(dst, `,"data":`...), string(data))
	}
	dst = base64.StdEncoding.AppendEncode(append(dst, `,"data_base64":"`...), data)
	return append(dst, '"')
}

// maxJSONDepth is how deep the JSON package reads.
const maxJSONDepth = 10_000

// isJSON tells whether data is a JSON object or list that can stand in a line.
func isJSON(data []byte) bool {
	first, last := data[0], data[len(data)-1]
	if (first != '{' || last != '}') && (first != '[' || last != ']') {
		return false
	}
	if bytes.ContainsAny(data, "\r\n") || bytes.ContainsFunc(data, needsEscape) {
		return false
	}
	if len(data) >= 2*maxJSONDepth { // it has to be readable one level deeper
		data = slices.Concat([]byte("["), data, []byte("]"))
	}
	return jsontext.Value(data).IsValid()
}
