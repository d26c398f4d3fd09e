package transfer

import (
	"bytes"
	"slices"

	"github.com/google/uuid"

	"github.com/umadb-go/umadb/dcb"
)

// difference returns the name of a field in which two stored events differ, or "" if they
// are equal.
func difference(a, b *dcb.SequencedEvent) string {
	switch {
	case a.Position != b.Position:
		return "position"
	case a.Event.Type != b.Event.Type:
		return "type"
	case !slices.Equal(a.Event.Tags, b.Event.Tags):
		return "tags"
	case !sameUUID(a.Event.UUID, b.Event.UUID):
		return "UUID"
	case !slices.Equal(a.Event.Metadata, b.Event.Metadata):
		return "metadata"
	case !sameTracking(a.Tracking, b.Tracking):
		return "tracking"
	case !bytes.Equal(a.Event.Data, b.Event.Data):
		return "data"
	}
	return ""
}

// sameUUID reports whether two UUIDs are equal in any notation: other servers may keep
// the notation of the client.
func sameUUID(a, b string) bool {
	if a == b || a == "" || b == "" {
		return a == b
	}
	x, err := uuid.Parse(a)
	if err != nil {
		return false
	}
	y, err := uuid.Parse(b)
	return err == nil && x == y
}

func sameTracking(a, b *dcb.TrackingInfo) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
