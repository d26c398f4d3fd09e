package store

import (
	"context"
	"math"
	"slices"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/record"
)

// recogniseRetry returns the position of the last event of an earlier append that the
// request repeats, or 0. A request is a retry if the event that fails its condition is
// one of its own, and the stored events around that one are all of the request's
// events, in order and above the condition's position. Only UUIDs are compared, so all of the
// stored events must be visible for the caller: otherwise the result would reveal that
// other events with these UUIDs exist.
//
// A current snapshot is sufficient: the events of an append are published together, so
// if the conflicting event is published, all of them are.
func (s *Store) recogniseRetry(ctx context.Context, request *record.AppendRequest, conflict uint64) (uint64, error) {
	submitted := submittedUUIDs(request)
	if submitted == nil {
		return 0, nil
	}
	sn := s.snapshot()
	defer sn.release()
	offset := -1
	err := s.eachEvent(ctx, sn, conflict, conflict, func(event record.Event) bool {
		offset = slices.Index(submitted, string(event.UUID()))
		return true
	})
	if err != nil || offset < 0 || uint64(offset) >= conflict {
		return 0, err
	}
	first := conflict - uint64(offset)
	last := first + uint64(len(submitted)) - 1
	if first <= request.Condition.After || last > sn.head {
		return 0, nil
	}
	same := 0
	err = s.eachEvent(ctx, sn, first, last, func(event record.Event) bool {
		if string(event.UUID()) != submitted[same] || request.IsVisible != nil && !request.IsVisible(event) {
			return false
		}
		same++
		return true
	})
	if err != nil || same < len(submitted) {
		return 0, err
	}
	return last, nil
}

// submittedUUIDs returns the UUIDs of the events of a request. It returns nil if the
// request cannot be recognised as a retry: it has no events, an event has no UUID, or
// a UUID repeats.
func submittedUUIDs(request *record.AppendRequest) []string {
	ids := make([]string, 0, request.Count)
	seen := make(map[string]bool, request.Count)
	for event := range request.All() {
		id := string(event.UUID())
		if id == "" || seen[id] {
			return nil
		}
		seen[id] = true
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return nil
	}
	return ids
}

// eachEvent calls visit for the events from first to last until it returns false.
func (s *Store) eachEvent(ctx context.Context, sn snapshot, first, last uint64, visit func(record.Event) bool) error {
	for first <= last {
		next, err := s.visitBatch(ctx, sn, selection{&query{all: true}, first, last, index.Forwards}, visit)
		if err != nil || next == 0 {
			return err
		}
		first = next
	}
	return nil
}

// visitBatch calls visit for the first events of a selection until it returns false. It
// returns the position of the next event, 0 if there is none or visit has returned false.
func (s *Store) visitBatch(ctx context.Context, sn snapshot, sel selection, visit func(record.Event) bool) (next uint64, err error) {
	bytes, b, err := s.readBatch(ctx, sn, sel, batchBound{events: record.DefaultBatchSize, bytes: math.MaxInt}, nil)
	defer b.free()
	if err != nil {
		return 0, err
	}
	for record, err := range record.StoredRecords(bytes, sel.low, len(b.records)) {
		if err != nil {
			return 0, &dcb.Error{Kind: dcb.ErrCorruption, Detail: "reading events", Cause: err}
		}
		if !visit(record.Event) {
			return 0, nil
		}
	}
	if b.end {
		return 0, nil
	}
	return b.last() + 1, nil
}
