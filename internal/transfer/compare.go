package transfer

import (
	"bytes"
	"slices"

	"github.com/google/uuid"

	"github.com/umadb-go/umadb/dcb"
)

// difference returns the name of a field in which two stored events differ, or "" if they
// are equal. The times are compared if the source has them.
func difference(ours, theirs *dcb.SequencedEvent) string {
	switch {
	case ours.Position != theirs.Position:
		return "position"
	case ours.Event.Type != theirs.Event.Type:
		return "type"
	case !slices.Equal(ours.Event.Tags, theirs.Event.Tags):
		return "tags"
	case !sameUUID(ours.Event.UUID, theirs.Event.UUID):
		return "UUID"
	case !slices.Equal(ours.Event.Metadata, theirs.Event.Metadata):
		return "metadata"
	case !sameTracking(ours.Tracking, theirs.Tracking):
		return "tracking"
	case !bytes.Equal(ours.Event.Data, theirs.Event.Data):
		return "data"
	case !theirs.RecordedAt.IsZero() && !theirs.RecordedAt.Equal(ours.RecordedAt):
		return "recorded time"
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
