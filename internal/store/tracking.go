package store

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/record"
)

// trackingChange is the change of one source's tracking by an operation.
type trackingChange struct {
	from, to dcb.TrackingInfo // the first and the last position; the same in an append
	again    bool             // from may be recorded already
	term     index.Term
	recorded tracked // at the caller's snapshot
}

// refused reports whether the change does not follow the recorded position.
func (c *trackingChange) refused(recorded tracked) bool {
	return recorded.known && (c.from.Position < recorded.position || c.from.Position == recorded.position && !c.again)
}

// tracked is the last position of a source, if known.
type tracked struct {
	position uint64
	known    bool
}

func trackingError(info *dcb.TrackingInfo, recorded uint64) error {
	return &dcb.Error{
		Kind:   dcb.ErrIntegrity,
		Detail: fmt.Sprintf("non-increasing tracking position for source %.60q: %d is not greater than %d, which is recorded", info.Source, info.Position, recorded),
	}
}

// tracking returns the last position of a source in a snapshot, from the newest block
// that has the source.
func (s *Store) tracking(sn snapshot, source index.Term) (tracked, error) {
	if t := trackingInMemory(sn, source); t.known {
		return t, nil
	}
	for i := len(sn.blocks) - 1; i >= 0; i-- {
		position, known, err := sn.blocks[i].Tracking(source)
		if err != nil {
			s.markCorrupt(sn.blocks, err)
			return tracked{}, storeError(err, "looking up a tracking source")
		}
		if known {
			return tracked{position, true}, nil
		}
	}
	return tracked{}, nil
}

// trackingInMemory is tracking without the blocks on disk.
func trackingInMemory(sn snapshot, source index.Term) tracked {
	for i := len(sn.heads) - 1; i >= 0; i-- {
		if position, known, _ := sn.heads[i].Tracking(source); known {
			return tracked{position, true}
		}
	}
	return tracked{}
}

// GetTrackingInfo returns the last durable position of a source and reports whether
// there is one.
func (s *Store) GetTrackingInfo(ctx context.Context, source string) (uint64, bool, error) {
	if err := record.CheckSource(source); err != nil {
		return 0, false, err
	}
	if err := s.gate.enter(ctx); err != nil {
		return 0, false, err
	}
	defer s.gate.leave()
	if err := s.refresh(ctx); err != nil {
		return 0, false, err
	}
	sn := s.snapshot()
	defer sn.release()
	t, err := s.tracking(sn, s.hasher.Source(source))
	return t.position, t.known, err
}

// TrackingSources iterates over the tracking sources, in unspecified order, each once
// with its last durable position, which may come from an event or from a tracking-only
// record. It keeps only the sources of the newest events in memory. An error is the
// last value that it yields. Close waits until the iteration ends.
func (s *Store) TrackingSources(ctx context.Context) iter.Seq2[dcb.TrackingInfo, error] {
	return func(yield func(dcb.TrackingInfo, error) bool) {
		if err := s.gate.enter(ctx); err != nil {
			yield(dcb.TrackingInfo{}, err)
			return
		}
		defer s.gate.leave()
		if err := s.refresh(ctx); err != nil {
			yield(dcb.TrackingInfo{}, err)
			return
		}
		w := s.exactSnapshot()
		defer w.release()
		err := s.termTotals(ctx, w, nil, func(t *index.TermTotal) bool {
			return !t.IsSource() || yield(dcb.TrackingInfo{Source: strings.Clone(t.Text), Position: t.Position}, nil)
		})
		if err != nil {
			yield(dcb.TrackingInfo{}, storeError(err, "listing the tracking sources"))
		}
	}
}
