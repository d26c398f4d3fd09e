package cli

import (
	"context"
	"fmt"
	"io"
	"iter"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
)

// record is one of the things that a store is copied as: an event, tracking that
// sits on no event (at position 0), or the end, which tells that it was all.
type record struct {
	dcb.SequencedEvent
	end  *end
	line int // of the file; 0 if it is from none
}

// place says where the record is to be found.
func (r *record) place() string {
	switch {
	case r.line > 0:
		return fmt.Sprint("line ", r.line)
	case r.Position > 0:
		return fmt.Sprint("position ", r.Position)
	}
	return "what follows the events"
}

// records are a store in the order of its log. The end, or an error, is the last
// thing that they yield.
type records = iter.Seq2[record, error]

// storeRecords gives all that is in a directory.
func storeRecords(ctx context.Context, s *store.Store) records {
	return func(yield func(record, error) bool) {
		head := uint64(0)
		for stored, err := range s.Records(ctx) {
			head = max(head, stored.Position)
			if !yield(record{SequencedEvent: stored}, err) || err != nil {
				return
			}
		}
		yield(record{end: &end{Head: head}}, nil)
	}
}

// serverRecords gives the events on a server from a position on, as of now, and
// then the tracking of the sources that are named, so far as it sits on no event.
// It asks for that first: then each event that it speaks of is among those read.
func serverRecords(ctx context.Context, s dcb.EventStore, names []string, from uint64) records {
	return func(yield func(record, error) bool) {
		alone, err := namedTracking(ctx, s, names)
		if err != nil {
			yield(record{}, err)
			return
		}
		read := s.Read(ctx, dcb.Query{}, dcb.ReadOptions{Start: &from})
		defer read.Close()
		last := from - 1
		for event, err := range read.All() {
			if err == nil && event.Position != last+1 {
				err = misplaced(event.Position, last+1)
			}
			last = event.Position
			if info := event.Tracking; info != nil {
				if position, named := alone[info.Source]; named && position <= info.Position {
					delete(alone, info.Source)
				}
			}
			if !yield(record{SequencedEvent: event}, err) || err != nil {
				return
			}
		}
		head, err := read.Head() // known by now: some servers tell it only at the end
		if err != nil {
			yield(record{}, err)
			return
		}
		if due := max(head, from-1); last != due {
			yield(record{}, fmt.Errorf("the server's answer ends with position %d where its head is %d; run the command again", last, due))
			return
		}
		for _, name := range names {
			position, named := alone[name]
			delete(alone, name) // it may be named twice
			info := &dcb.TrackingInfo{Source: name, Position: position}
			if named && !yield(record{SequencedEvent: dcb.SequencedEvent{Tracking: info}}, nil) {
				return
			}
		}
		yield(record{end: &end{Head: head}}, nil)
	}
}

// namedTracking asks for what is recorded of some sources, and gives it for those
// that have something.
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

// noteUnknown tells a person of names by which a server knows no tracking source:
// they may be misspelt.
func noteUnknown(ctx context.Context, s dcb.EventStore, names []string, stderr io.Writer) error {
	recorded, err := namedTracking(ctx, s, names)
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, known := recorded[name]; !known {
			fmt.Fprintf(stderr, "umadb: the server knows no tracking source %q so far; is the name right?\n", name)
		}
	}
	return nil
}

// misplaced says that a source has a gap, or goes back.
func misplaced(position, due uint64) error {
	return fmt.Errorf("the source gives position %d where %d is due: it is no whole store; export it again", position, due)
}
