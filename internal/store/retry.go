package store

import (
	"context"
	"slices"

	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// recogniseRetry returns the position of the last event of an earlier append that the
// request repeats, or 0. A request is a retry if the event that fails its condition is
// one of its own, and the stored events around that one are all of the request's
// events, in order and above the condition's position. Only UUIDs are compared.
//
// A current snapshot is sufficient: the events of an append are published together, so
// if the conflicting event is published, all of them are.
func (s *Store) recogniseRetry(ctx context.Context, request *encoding.AppendRequest, conflict uint64) (uint64, error) {
	submitted := submittedUUIDs(request)
	if submitted == nil {
		return 0, nil
	}
	sn := s.snapshot()
	defer sn.release()
	offset := -1
	err := s.eachEvent(ctx, sn, conflict, conflict, func(event encoding.Event) bool {
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
	err = s.eachEvent(ctx, sn, first, last, func(event encoding.Event) bool {
		if string(event.UUID()) != submitted[same] {
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
func submittedUUIDs(request *encoding.AppendRequest) []string {
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
