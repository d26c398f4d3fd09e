package ndjson

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/umadb-go/umadb/dcb"
)

// AppendEvent appends a stored event as a line, including the newline.
func AppendEvent(dst []byte, e *dcb.SequencedEvent) []byte {
	dst = strconv.AppendUint(append(dst, `{"position":`...), e.Position, 10)
	if !e.RecordedAt.IsZero() {
		dst = e.RecordedAt.UTC().AppendFormat(append(dst, `,"recorded_at":"`...), time.RFC3339Nano)
		dst = append(dst, '"')
	}
	return appendEvent(append(dst, ','), &e.Event, e.Tracking)
}

// AppendNew appends an event to append as a line, including the newline: without the members that the
// store assigns.
func AppendNew(dst []byte, e *dcb.Event) []byte {
	return appendEvent(append(dst, '{'), e, nil)
}

// appendEvent appends the members from the type on, and the end of the line.
func appendEvent(dst []byte, e *dcb.Event, tracking *dcb.TrackingInfo) []byte {
	dst = appendString(append(dst, `"type":`...), e.Type)
	if len(e.Tags) > 0 {
		dst = AppendTags(append(dst, `,"tags":`...), e.Tags)
	}
	if e.UUID != "" {
		dst = appendString(append(dst, `,"uuid":`...), e.UUID)
	}
	if len(e.Metadata) > 0 {
		dst = AppendMetadata(append(dst, `,"metadata":`...), e.Metadata)
	}
	if tracking != nil {
		dst = appendTrackingField(append(dst, ','), tracking)
	}
	dst = appendData(dst, e.Data)
	return append(dst, '}', '\n')
}

// AppendTags appends tags as a JSON list.
func AppendTags(dst []byte, tags []string) []byte {
	dst = append(dst, '[')
	for i, tag := range tags {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, tag)
	}
	return append(dst, ']')
}

// AppendMetadata appends metadata as a JSON object, in its order.
func AppendMetadata(dst []byte, metadata []dcb.Metadata) []byte {
	dst = append(dst, '{')
	for i, m := range metadata {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, m.Key), ':')
		dst = appendString(dst, m.Value)
	}
	return append(dst, '}')
}

// appendTracking appends a tracking-only record as a line.
func appendTracking(dst []byte, info *dcb.TrackingInfo) []byte {
	dst = appendTrackingField(append(dst, '{'), info)
	return append(dst, '}', '\n')
}

// appendEnd appends the last line of an export.
func appendEnd(dst []byte, head uint64, before checksum) []byte {
	dst = strconv.AppendUint(append(dst, `{"end":{"head":`...), head, 10)
	dst = append(append(dst, `,"crc32c":"`...), before.String()...)
	return append(dst, "\"}}\n"...)
}

func appendTrackingField(dst []byte, info *dcb.TrackingInfo) []byte {
	dst = appendString(append(dst, `"tracking":{"source":`...), info.Source)
	dst = strconv.AppendUint(append(dst, `,"position":`...), info.Position, 10)
	return append(dst, '}')
}

// appendData appends data such that parsing the line returns the same bytes: suitable JSON
// unchanged, other UTF-8 as a string, and anything else in base64.
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

// maxJSONDepth is the maximum nesting depth of the JSON package.
const maxJSONDepth = 10_000

// isJSON reports whether data is a JSON object or list that can be part of a line unchanged.
func isJSON(data []byte) bool {
	first, last := data[0], data[len(data)-1]
	if (first != '{' || last != '}') && (first != '[' || last != ']') {
		return false
	}
	if bytes.ContainsAny(data, "\r\n") || bytes.ContainsFunc(data, needsEscape) {
		return false
	}
	if len(data) >= 2*maxJSONDepth { // it must be valid one level deeper
		data = slices.Concat([]byte("["), data, []byte("]"))
	}
	return jsontext.Value(data).IsValid()
}
