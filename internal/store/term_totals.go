package store

import (
	"context"
	"iter"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/index"
)

// totalsEvery is the number of terms after which termTotals checks for cancellation.
const totalsEvery = 4096

// exactSnapshot is a published head with a state whose file blocks cover no group after
// the head. Its head blocks may.
type exactSnapshot struct {
	*state
	head, group uint64
}

// exactSnapshot returns a snapshot of everything published now. The caller must release
// it.
func (s *Store) exactSnapshot() exactSnapshot {
	for {
		published := s.published.Load()
		st := s.states.acquire()
		n := len(st.blocks)
		if n == 0 || st.blocks[n-1].LastGroup <= published.group {
			return exactSnapshot{st, published.head, published.group}
		}
		st.release() // a newer block was flushed in between
	}
}

// termTotals calls visit with each distinct term of all blocks until visit returns
// false. progress, which may be nil, is called with a lower bound of the entries
// visited, and the number of all entries.
func (s *Store) termTotals(ctx context.Context, w exactSnapshot, progress func(done, all uint64), visit func(*index.TermTotal) bool) error {
	blocks := make([]*index.Block, len(w.blocks))
	all := uint64(0)
	for i, b := range w.blocks {
		blocks[i] = b.Block
		all += b.Terms()
	}
	var heads [][]index.TermTotal
	for _, h := range w.heads {
		totals := h.TermTotals(w.head)
		heads = append(heads, totals)
		all += uint64(len(totals))
	}
	done := uint64(0)
	for total, err := range index.TermTotals(blocks, heads) {
		if err != nil {
			s.markCorrupt(w.blocks, err)
			return err
		}
		if done%totalsEvery == 0 {
			if err := s.interrupted(ctx); err != nil {
				return err
			}
			if progress != nil {
				progress(done, all)
			}
		}
		done++
		if !visit(&total) {
			return nil
		}
	}
	return nil
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
