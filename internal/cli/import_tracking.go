package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
)

// Events are compared with their tracking. Tracking on no event is compared here:
// what the store has, the source must have too, or be past it.

// maxSources bounds the tracking sources that are held in memory. Each takes its
// name and some 50 bytes.
const maxSources = 256 << 10

// allTracking gives all that is recorded in a store, for an export to be compared
// with: that tells the last of it at its end only.
func allTracking(ctx context.Context, s *store.Store) (map[string]uint64, error) {
	all := map[string]uint64{}
	for info, err := range s.TrackingSources(ctx) {
		if err == nil && len(all) == maxSources {
			err = fmt.Errorf("the store has more than %d tracking sources, which are too many to compare: import into an empty directory", maxSources)
		}
		if err != nil {
			return nil, err
		}
		all[info.Source] = info.Position
	}
	return all, nil
}

// notInExport says of one of the sources that an export has not come so far.
func notInExport(owed map[string]uint64) error {
	name := slices.Min(slices.Collect(maps.Keys(owed)))
	return mixed("the store has position %d of the tracking source %q, and the export has not (that of a server needs --tracking-source for it)", owed[name], name)
}

// compareTracking asks a server for each source that the store has.
func compareTracking(ctx context.Context, to *store.Store, from dcb.EventStore) error {
	for own, err := range to.TrackingSources(ctx) {
		if err != nil {
			return err
		}
		position, known, err := from.GetTrackingInfo(ctx, own.Source)
		if err != nil {
			return err
		}
		if known && position >= own.Position {
			continue
		}
		theirs := "knows no such source"
		if known {
			theirs = fmt.Sprint("has only ", position)
		}
		return mixed("the store has position %d of the tracking source %q, and the server %s", own.Position, own.Source, theirs)
	}
	return nil
}
