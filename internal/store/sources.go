package store

import (
	"context"
	"iter"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/index"
)

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
		w := s.exactSnapshot()
		defer w.release()
		err := s.termTotals(ctx, w, nil, func(t *index.TermTotal) bool {
			return !t.IsSource() || yield(dcb.TrackingInfo{Source: t.Text, Position: t.Position}, nil)
		})
		if err != nil {
			yield(dcb.TrackingInfo{}, storeError(err, "listing the tracking sources"))
		}
	}
}
