package dcb

// Event is a fact to be appended, or one that is stored.
//
// Type, tags and data may be empty, tags may repeat, and everything comes back
// in the order and form it was given, UUID forms excepted.
type Event struct {
	// Type is the name of the kind of event, UTF-8.
	Type string
	// Tags say what the event is about; queries match them exactly. UTF-8.
	Tags []string
	// Data is opaque to the store.
	Data []byte
	// UUID identifies the event, so that a conditional append can be retried.
	// Empty for none. Hyphenated, 32-hex, urn:uuid: and {braced} forms are
	// accepted and come back in lower case with hyphens.
	UUID string
	// Metadata is carried along and not queried. A key must not repeat.
	Metadata []Metadata
}

// Metadata is one key and its value, UTF-8, of at most 65,535 bytes each.
type Metadata struct {
	Key, Value string
}

// SequencedEvent is a stored event with its place in the log.
type SequencedEvent struct {
	// Position counts from 1, without gaps.
	Position uint64
	Event    Event
	// Tracking is what the append that wrote the event recorded, or nil.
	Tracking *TrackingInfo
}

// TrackingInfo names a position in an upstream sequence of events. Recorded
// with the events that came of processing the upstream event, it makes that
// processing happen exactly once.
type TrackingInfo struct {
	// Source is the upstream sequence's name, at most 255 bytes.
	Source string
	// Position must be greater than any recorded for the source before.
	Position uint64
}
