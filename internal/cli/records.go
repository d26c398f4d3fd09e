package cli

import (
	"context"
	"fmt"
	"io"
	"iter"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
	"github.com/umadb-go/umadb/internal/store"
)

// place describes where a record is in the source.
func place(r *ndjson.Record) string {
	switch {
	case r.Line > 0:
		return fmt.Sprint("line ", r.Line)
	case r.Position > 0:
		return fmt.Sprint("position ", r.Position)
	}
	return "what follows the events"
}

// records iterates over the content of a store in the order of its log. It ends with the
// end record or an error.
type records = iter.Seq2[ndjson.Record, error]

// storeRecords returns all records of a store.
func storeRecords(ctx context.Context, s *store.Store) records {
	return func(yield func(ndjson.Record, error) bool) {
		head := uint64(0)
		for stored, err := range s.Records(ctx) {
			head = max(head, stored.Position)
			if !yield(ndjson.Record{SequencedEvent: stored}, err) || err != nil {
				return
			}
		}
		yield(ndjson.Record{End: &ndjson.End{Head: head}}, nil)
	}
}

// serverRecords returns the current events of a server from a position on, followed by
// tracking-only records of the named sources. It queries the tracking before it reads the
// events: so an event with one of these tracking positions is among those that are read.
func serverRecords(ctx context.Context, s dcb.EventStore, names []string, from uint64) records {
	return func(yield func(ndjson.Record, error) bool) {
		unmatched, err := namedTracking(ctx, s, names)
		if err != nil {
			yield(ndjson.Record{}, err)
			return
		}
		read := s.Read(ctx, dcb.Query{}, dcb.ReadOptions{Start: &from})
		defer read.Close()
		last := from - 1
		for event, err := range read.All() {
			if err == nil && event.Position != last+1 {
				err = positionError(event.Position, last+1)
			}
			last = event.Position
			if info := event.Tracking; info != nil {
				if position, named := unmatched[info.Source]; named && position <= info.Position {
					delete(unmatched, info.Source)
				}
			}
			if !yield(ndjson.Record{SequencedEvent: event}, err) || err != nil {
				return
			}
		}
		head, err := read.Head() // some servers send it only at the end
		if err != nil {
			yield(ndjson.Record{}, err)
			return
		}
		if due := max(head, from-1); last != due {
			yield(ndjson.Record{}, fmt.Errorf("the server's response ends at position %d, but its head is %d; run the command again", last, due))
			return
		}
		for _, name := range names {
			position, named := unmatched[name]
			delete(unmatched, name) // names may contain duplicates
			info := &dcb.TrackingInfo{Source: name, Position: position}
			if named && !yield(ndjson.Record{SequencedEvent: dcb.SequencedEvent{Tracking: info}}, nil) {
				return
			}
		}
		yield(ndjson.Record{End: &ndjson.End{Head: head}}, nil)
	}
}

// namedTracking returns the recorded positions of the named sources. Unknown sources are
// left out.
func namedTracking(ctx context.Context, s dcb.EventStore, names []string) (map[string]uint64, error) {
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

// warnUnknownSources prints a warning for each named tracking source that the server does
// not have: the name may be misspelt.
func warnUnknownSources(ctx context.Context, s dcb.EventStore, names []string, stderr io.Writer) error {
	recorded, err := namedTracking(ctx, s, names)
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, known := recorded[name]; !known {
			fmt.Fprintf(stderr, "umadb: the server has no tracking source %q yet; check the name\n", name)
		}
	}
	return nil
}

// positionError returns the error for a source whose positions are not contiguous.
func positionError(position, want uint64) error {
	return fmt.Errorf("the source has position %d instead of %d: it is not a complete store; export it again", position, want)
}
