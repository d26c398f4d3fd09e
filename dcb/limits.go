package dcb

// Limits bound what one request may hold. A zero field means its default.
type Limits struct {
	// EventBytes bounds one encoded event. Default 4 MiB less 64 KiB, so that a
	// client with gRPC's default message limit can read back what was accepted.
	EventBytes int
	// RequestBytes bounds one encoded request. Default 16 MiB.
	RequestBytes int
	// RequestEvents bounds the events of one append. Default 65,536.
	RequestEvents int
	// EventTags bounds the tags of one event. Default 65,535.
	EventTags int
	// RequestTags bounds the tags of all events of one append. Default 262,144.
	RequestTags int
	// RequestMetadata bounds the metadata entries of all events of one append.
	// Default 262,144.
	RequestMetadata int
	// QueryTerms bounds the types and tags, and also the items, of one query.
	// Default 65,536.
	QueryTerms int
}

// The bounds that are part of the format and not options.
const (
	// MaxMetadataBytes bounds a metadata key and a metadata value, each.
	MaxMetadataBytes = 65_535
	// MaxSourceBytes bounds the name of a tracking source.
	MaxSourceBytes = 255
)

// WithDefaults gives the limits with each zero field set to its default.
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
