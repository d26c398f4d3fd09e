package store

import (
	"context"
	"iter"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/index"
)

// TrackingSources ranges over the tracking sources, each once with its last
// durable position, in no order that means anything, and whether the position
// came with an event or not. It holds none of them in memory, however many there
// are, beside those of the newest events. An error is the last thing that it
// yields. Until it ends, closing waits.
func (s *Store) TrackingSources(ctx context.Context) iter.Seq2[dcb.TrackingInfo, error] {
	return func(yield func(dcb.TrackingInfo, error) bool) {
		if err := s.gate.enter(ctx); err != nil {
			yield(dcb.TrackingInfo{}, err)
			return
		}
		defer s.gate.leave()
		w := s.whole()
		defer w.release()
		err := s.termTotals(ctx, w, nil, func(t *index.TermTotal) bool {
			return !t.IsSource() || yield(dcb.TrackingInfo{Source: t.Text, Position: t.Position}, nil)
		})
		if err != nil {
			yield(dcb.TrackingInfo{}, storeError(err, "listing the tracking sources"))
		}
	}
}
