package record

import (
	"unicode/utf8"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/umadb-go/umadb/dcb"
)

// Field numbers of umadb.v1.Event and MetadataEntry.
const (
	eventType     = 1
	eventTag      = 2
	eventData     = 3
	eventUUID     = 4
	eventMetadata = 5

	metadataKey   = 1
	metadataValue = 2
)

// Event is the canonical encoding of a valid umadb.v1.Event.
type Event []byte

// Type returns the type and an iterator over the tags. Both alias the event.
func (e Event) Type() (string, Tags) {
	if len(e) > 0 && e[0] == bytesTag(eventType) {
		eventType, rest := splitField(e)
		return aliasString(eventType), rest
	}
	return "", Tags(e)
}

// Tags iterates over the tags of an event: it contains those that Next has not
// returned yet.
type Tags []byte

// Next returns the next tag, and reports whether there was one.
func (t *Tags) Next() (tag string, ok bool) {
	if len(*t) == 0 || (*t)[0] != bytesTag(eventTag) {
		return "", false
	}
	content, rest := splitField(*t)
	*t = rest
	return aliasString(content), true
}

// UUID returns the event's UUID, or nil if it has none. It aliases the event.
func (e Event) UUID() []byte {
	for rest := []byte(e); len(rest) > 0 && rest[0] <= bytesTag(eventUUID); {
		number := rest[0]
		var value []byte
		value, rest = splitField(rest)
		if number == bytesTag(eventUUID) {
			return value
		}
	}
	return nil
}

// splitField returns the content of the first field in b, which must be canonical, and
// the bytes after the field. If b does not start with a field, both results are nil.
func splitField(b []byte) (content, rest []byte) {
	content, n := protowire.ConsumeBytes(b[1:])
	if n < 0 {
		return nil, nil
	}
	return content, b[1+n:]
}

// bytesTag returns the one-byte tag of a length-delimited field numbered below 16.
func bytesTag(number byte) byte { return number<<3 | byte(protowire.BytesType) }

// AppendEvent appends the encoding of an event to dst. It is canonical if the UUID is.
func AppendEvent(dst []byte, event *dcb.Event) []byte {
	dst = appendText(dst, eventType, event.Type)
	for _, tag := range event.Tags {
		dst = appendBytes(dst, eventTag, tag)
	}
	if len(event.Data) > 0 {
		dst = appendBytes(dst, eventData, event.Data)
	}
	dst = appendText(dst, eventUUID, event.UUID)
	for _, entry := range event.Metadata {
		dst = protowire.AppendTag(dst, eventMetadata, protowire.BytesType)
		dst = protowire.AppendVarint(dst, uint64(sizeMetadata(entry)))
		dst = appendText(dst, metadataKey, entry.Key)
		dst = appendText(dst, metadataValue, entry.Value)
	}
	return dst
}

func sizeMetadata(entry dcb.Metadata) int {
	size := 0
	for _, text := range []string{entry.Key, entry.Value} {
		if text != "" {
			size += sizeOfBytes(len(text))
		}
	}
	return size
}

// DecodeEvent decodes an event. Its strings and data alias message.
func DecodeEvent(message []byte) (event dcb.Event, err error) {
	// One allocation for all tags, and one for all metadata.
	tags, metadata := 0, 0
	err = eachField(message, func(f field) error {
		switch {
		case f.message(eventTag):
			tags++
		case f.message(eventMetadata):
			metadata++
		}
		return nil
	})
	if err != nil {
		return dcb.Event{}, err
	}
	if tags > 0 {
		event.Tags = make([]string, 0, tags)
	}
	if metadata > 0 {
		event.Metadata = make([]dcb.Metadata, 0, metadata)
	}
	err = eachField(message, func(f field) error {
		switch {
		case f.message(eventType):
			event.Type = aliasString(f.bytes)
		case f.message(eventTag):
			event.Tags = append(event.Tags, aliasString(f.bytes))
		case f.message(eventData):
			event.Data = f.bytes
		case f.message(eventUUID):
			event.UUID = aliasString(f.bytes)
		case f.message(eventMetadata):
			entry, err := decodeMetadata(f.bytes)
			event.Metadata = append(event.Metadata, entry)
			return err
		}
		return nil
	})
	return event, err
}

func decodeMetadata(message []byte) (entry dcb.Metadata, err error) {
	err = eachField(message, func(f field) error {
		switch {
		case f.message(metadataKey):
			entry.Key = aliasString(f.bytes)
		case f.message(metadataValue):
			entry.Value = aliasString(f.bytes)
		}
		return nil
	})
	return entry, err
}

// canonicalEvent validates an event and returns its canonical encoding, which is
// message itself if that is canonical.
func canonicalEvent(message []byte, limits *dcb.Limits) (Event, checkedEvent, error) {
	checked, canonical, err := checkEvent(message, limits)
	if err != nil {
		return nil, checked, err
	}
	if !canonical {
		decoded, err := DecodeEvent(message)
		if err != nil {
			return nil, checked, err
		}
		decoded.UUID = checked.uuid
		message = AppendEvent(nil, &decoded)
	}
	if len(message) > limits.EventBytes {
		return nil, checked, invalid("it has %d bytes, over the limit of %d", len(message), limits.EventBytes)
	}
	return message, checked, nil
}

// checkedEvent contains what checkEvent collects in its one pass over the fields.
type checkedEvent struct {
	uuid     string
	tags     int
	metadata []string // the keys
}

// checkEvent validates the fields and reports whether the encoding is canonical:
// fields are in ascending order, singular fields occur once and are not empty, and
// the shortest encoding of the fields is as long as message.
func checkEvent(message []byte, limits *dcb.Limits) (e checkedEvent, canonical bool, err error) {
	canonical = true
	shortest := 0
	last := protowire.Number(0)
	for offset := 0; offset < len(message); {
		f, err := nextField(message, offset)
		if err != nil {
			return e, false, err
		}
		offset = f.end
		if f.wire != protowire.BytesType || f.number > eventMetadata {
			canonical = false // unknown
			continue
		}
		repeated := f.number == eventTag || f.number == eventMetadata
		if f.number < last || (!repeated && (f.number == last || len(f.bytes) == 0)) {
			canonical = false
		}
		last = f.number
		shortest += sizeOfBytes(len(f.bytes))
		same, err := e.check(f, limits)
		if err != nil {
			return e, false, err
		}
		canonical = canonical && same
	}
	if key, found := e.duplicateKey(); found {
		return e, false, invalid("metadata contains duplicate keys: %.60q occurs twice", key)
	}
	return e, canonical && shortest == len(message), nil
}

// check validates one field, and reports whether its content is canonical.
func (e *checkedEvent) check(f field, limits *dcb.Limits) (bool, error) {
	switch f.number {
	case eventType:
		if !utf8.Valid(f.bytes) {
			return false, invalid("the type is not valid UTF-8")
		}
	case eventTag:
		e.tags++
		if e.tags > limits.EventTags {
			return false, invalid("it has more than %d tags, which is the limit", limits.EventTags)
		}
		if !utf8.Valid(f.bytes) {
			return false, invalid("tag %d is not valid UTF-8", e.tags)
		}
	case eventUUID:
		if isCanonicalUUID(f.bytes) {
			e.uuid = aliasString(f.bytes)
			return true, nil
		}
		id, ok := canonicalUUID(string(f.bytes))
		if !ok {
			return false, invalid("%.60q is not a UUID", f.bytes)
		}
		e.uuid = id
		return false, nil
	case eventMetadata:
		return e.checkMetadata(f.bytes)
	}
	return true, nil
}

func (e *checkedEvent) checkMetadata(message []byte) (bool, error) {
	entry, err := decodeMetadata(message)
	if err != nil {
		return false, err
	}
	nth := len(e.metadata) + 1
	if !validText(message, metadataValue) {
		return false, invalid("metadata entry %d is not valid UTF-8", nth)
	}
	for _, text := range []string{entry.Key, entry.Value} {
		if len(text) > dcb.MaxMetadataBytes {
			return false, invalid("metadata entry %d has %d bytes, over the limit of %d", nth, len(text), dcb.MaxMetadataBytes)
		}
	}
	e.metadata = append(e.metadata, entry.Key)
	inOrder := entry.Key == "" || message[0] == bytesTag(metadataKey)
	return inOrder && len(message) == sizeMetadata(entry), nil
}

// duplicateKey returns a metadata key that occurs twice, and reports whether there
// is one.
func (e *checkedEvent) duplicateKey() (string, bool) {
	if len(e.metadata) < 2 {
		return "", false
	}
	seen := make(map[string]bool, len(e.metadata))
	for _, key := range e.metadata {
		if seen[key] {
			return key, true
		}
		seen[key] = true
	}
	return "", false
}

// aliasString returns a string that shares the memory of b, which must not change
// while the string is in use.
func aliasString(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b))
}
