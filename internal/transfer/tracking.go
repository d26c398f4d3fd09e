package transfer

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/umadb-go/umadb/dcb"
)

// The tracking of events is compared with them. Tracking-only records are compared here:
// for each source, the position in the store must not exceed that in the import source.

// maxSources bounds the number of tracking sources in memory. Each takes its name and
// about 50 bytes.
const maxSources = 256 << 10

// Tracking returns the recorded positions of tracking sources of a server. It may be nil for
// none.
type Tracking func(context.Context) (map[string]uint64, error)

// NamedTracking is the tracking of the named sources, without those that the server does not
// have. It is for servers that cannot list their sources.
func NamedTracking(s Source, names []string) Tracking {
	if len(names) == 0 {
		return nil
	}
	return func(ctx context.Context) (map[string]uint64, error) { return namedTracking(ctx, s, names) }
}

// ListedTracking is the tracking of all sources that list returns.
func ListedTracking(list func(context.Context) iter.Seq2[dcb.TrackingInfo, error]) Tracking {
	return func(ctx context.Context) (map[string]uint64, error) { return collectTracking(list(ctx)) }
}

// namedTracking returns the recorded positions of the named sources. Unknown sources are
// left out.
func namedTracking(ctx context.Context, s Source, names []string) (map[string]uint64, error) {
	recorded := make(map[string]uint64, len(names))
	for _, name := range names {
		position, known, err := s.GetTrackingInfo(ctx, name)
		if err != nil {
			return nil, err
		}
		if known {
			recorded[name] = position
		}
	}
	return recorded, nil
}

// UnknownSources returns the named tracking sources that the server does not have: the
// names may be misspelt.
func UnknownSources(ctx context.Context, s Source, names []string) (unknown []string, err error) {
	recorded, err := namedTracking(ctx, s, names)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if _, known := recorded[name]; !known {
			unknown = append(unknown, name)
		}
	}
	return unknown, nil
}

// collectTracking returns the positions of tracking sources by name.
func collectTracking(sources iter.Seq2[dcb.TrackingInfo, error]) (map[string]uint64, error) {
	all := map[string]uint64{}
	for info, err := range sources {
		if err == nil && len(all) == maxSources {
			err = fmt.Errorf("there are more than %d tracking sources, too many to compare: import into an empty directory, or copy the store with umadb backup", maxSources)
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
