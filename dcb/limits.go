package dcb

// Limits bounds the size of a request. A zero field means the default.
type Limits struct {
	// EventBytes is the maximum size of an encoded event in bytes. The default
	// is 4 MiB less 64 KiB, so that a client with gRPC's default message limit
	// can read every event that was accepted.
	EventBytes int
	// RequestBytes is the maximum size of an encoded request in bytes.
	// The default is 16 MiB.
	RequestBytes int
	// RequestEvents is the maximum number of events in an append.
	// The default is 65,536.
	RequestEvents int
	// EventTags is the maximum number of tags of an event. The default is 65,535.
	EventTags int
	// RequestTags is the maximum number of tags of all events in an append.
	// The default is 262,144.
	RequestTags int
	// RequestMetadata is the maximum number of metadata entries of all events
	// in an append. The default is 262,144.
	RequestMetadata int
	// QueryTerms is the maximum number of types and tags in a query, and of its
	// items. The default is 65,536.
	QueryTerms int
}

// Bounds that are part of the format and cannot be configured.
const (
	// MaxMetadataBytes is the maximum size in bytes of a metadata key and of a
	// metadata value.
	MaxMetadataBytes = 65_535
	// MaxSourceBytes is the maximum size in bytes of the name of a tracking source.
	MaxSourceBytes = 255
)

// WithDefaults returns the limits with each zero field set to its default.
func (l Limits) WithDefaults() Limits {
	for _, f := range []struct {
		field *int
		value int
	}{
		{&l.EventBytes, 4<<20 - 64<<10},
		{&l.RequestBytes, 16 << 20},
		{&l.RequestEvents, 65_536},
		{&l.EventTags, 65_535},
		{&l.RequestTags, 262_144},
		{&l.RequestMetadata, 262_144},
		{&l.QueryTerms, 65_536},
	} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	return l
}
