package transfer

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// The tracking of events is compared with them. Tracking-only records are compared here:
// for each source, the position in the store must not exceed that in the import source.

// maxSources bounds the number of tracking sources in memory. Each takes its name and
// about 50 bytes.
const maxSources = 256 << 10

// allTracking returns the position of each tracking source of a store, to compare it with
// an export, whose tracking is complete only at its end.
func allTracking(ctx context.Context, to Target) (map[string]uint64, error) {
	all := map[string]uint64{}
	for info, err := range to.TrackingSources(ctx) {
		if err == nil && len(all) == maxSources {
			err = fmt.Errorf("the store has more than %d tracking sources, too many to compare: import into an empty directory", maxSources)
		}
		if err != nil {
			return nil, err
		}
		all[info.Source] = info.Position
	}
	return all, nil
}

// missingInExport returns the error for tracking that the store has and the export does
// not have. It names one of the sources.
func missingInExport(unmatched map[string]uint64) error {
	name := slices.Min(slices.Collect(maps.Keys(unmatched)))
	return historyError("the store has position %d of tracking source %q, but the export does not (an export from a server needs --tracking-source for it)", unmatched[name], name)
}

// compareTracking checks that a server has at least the tracking positions of the store.
func compareTracking(ctx context.Context, to Target, from Source) error {
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
		theirs := "does not have this source"
		if known {
			theirs = fmt.Sprint("has only ", position)
		}
		return historyError("the store has position %d of tracking source %q, but the server %s", own.Position, own.Source, theirs)
	}
	return nil
}
