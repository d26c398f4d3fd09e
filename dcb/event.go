package dcb

import "time"

// Event is an event to be appended or a stored event.
//
// Type, tags and data may be empty, and tags may repeat. A stored event is
// returned exactly as it was appended, except that its UUID is normalised.
type Event struct {
	// Type is the name of the event type, in UTF-8.
	Type string
	// Tags are the subjects of the event, in UTF-8. Queries compare whole tags.
	Tags []string
	// Data is opaque to the store.
	Data []byte
	// UUID identifies the event, so that a conditional append can be retried.
	// It may be empty. The store accepts the hyphenated, 32-digit, urn:uuid:
	// and {braced} forms and returns the UUID in lower case with hyphens.
	UUID string
	// Metadata is stored with the event but cannot be queried. Keys must be unique.
	Metadata []Metadata
}

// Metadata is a key and its value, each in UTF-8 and of at most
// MaxMetadataBytes bytes.
type Metadata struct {
	Key, Value string
}

// SequencedEvent is a stored event with its position in the log.
type SequencedEvent struct {
	// Position starts at 1 and has no gaps.
	Position uint64
	Event    Event
	// Tracking is the tracking information recorded by the append that wrote
	// the event; it is nil if there was none.
	Tracking *TrackingInfo
	// RecordedAt is when the store recorded the event, in UTC. It never decreases from one
	// position to the next, and all events of an append have the same. It is the zero time if
	// the server does not tell it. It is not part of an event that is appended.
	RecordedAt time.Time
}

// TrackingInfo is a position in an upstream sequence of events. A consumer
// that records it together with the events that result from processing the
// upstream event processes each upstream event exactly once.
type TrackingInfo struct {
	// Source is the name of the upstream sequence, of at most MaxSourceBytes bytes.
	Source string
	// Position must be greater than the last one recorded for the source.
	Position uint64
}
